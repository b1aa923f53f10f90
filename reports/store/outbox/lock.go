package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// look is how often a lock that another process holds is tried again.
const look = 200 * time.Millisecond

// errBusy is not a failure of the server: it is not counted as one.
var errBusy = errors.New("a run is being measured on this store, or another process delivers: nothing is sent meanwhile")

// flock is the lock of this use. A file system without locks has none: nothing
// is lost or doubled without it.
func (o *Outbox) flock() *flock.Flock { return flock.New(o.lock, flock.SetPermissions(0o644)) }

// Measuring keeps every process from delivering out of this store until the
// returned func is called, or the process ends. It waits for a request that is
// under way. Several may measure at a time.
func (o *Outbox) Measuring(ctx context.Context) (func(), error) {
	l := o.flock()
	if _, err := l.TryRLockContext(ctx, look); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("lock %s: %w", o.lock, err)
	}
	return func() { l.Unlock() }, nil
}

// hold takes the lock that delivering needs, once per request, so that a run
// waits for one request at most.
func (d *drain) hold(ctx context.Context) (func(), error) {
	l := d.o.flock()
	for {
		ok, err := l.TryLock()
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, fmt.Errorf("lock %s: %w", d.o.lock, err)
		}
		if ok || err != nil {
			return func() { l.Unlock() }, nil
		}
		if ok, err := d.wait(ctx, look, errBusy.Error()); err != nil {
			return nil, err
		} else if !ok {
			return nil, errBusy
		}
	}
}
