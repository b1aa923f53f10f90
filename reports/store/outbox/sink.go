package outbox

import (
	"context"
	"time"
)

// A Sink is where lines go.
type Sink interface {
	// Write delivers lines: all of them if it returns nil, else perhaps
	// some. An error that wraps an *Answer says what is to be done; any
	// other counts as Retry.
	Write(ctx context.Context, lines []string) error
}

// An Action is what an answer asks for.
type Action int

// The four of them.
const (
	Retry  Action = iota // later: the network, a server that is busy or broken
	Pause                // somebody has to mend it: rights, names, not the server that was meant
	Split                // send less at a time
	Bisect               // some of the lines are bad: find them
)

// An Answer is a refusal. It must not hold a secret: it is kept and printed.
type Answer struct {
	Do     Action
	Status int           // HTTP, 0 where there was no answer
	After  time.Duration // the server wants no attempt before; 0 where it does not say
	Text   string
	Err    error // cause, may be nil
}

func (a *Answer) Error() string { return a.Text }
func (a *Answer) Unwrap() error { return a.Err }
