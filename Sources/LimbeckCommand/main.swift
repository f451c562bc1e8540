print("limbeck")
