package host

import (
	"os"
	"testing"
	"time"
)

// sleeper makes a child of this test binary sleep until it is killed.
const sleeper = "ASSAY_TEST_SLEEPER"

func TestMain(m *testing.M) {
	if os.Getenv(sleeper) != "" {
		time.Sleep(time.Minute)
		return
	}
	os.Exit(m.Run())
}
