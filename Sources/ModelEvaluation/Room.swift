// Placeholder of the first build; the room's files replace it.
