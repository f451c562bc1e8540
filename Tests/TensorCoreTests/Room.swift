// Placeholder of the first build; the room's tests replace it.
