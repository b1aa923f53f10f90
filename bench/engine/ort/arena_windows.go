package ort

// ArenaSize is unknown here: the library's functions are looked up by dlsym.
func (s *session) ArenaSize() int64 { return -1 }
