package host

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// sleeper makes a child of this test binary sleep until it is killed.
const sleeper = "ASSAY_TEST_SLEEPER"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(preparer) != "":
		root, dir, _ := strings.Cut(os.Getenv(preparer), "\n")
		_, doubts := Prepare(root, dir)
		fmt.Println(strings.Join(append([]string{"prepared"}, doubts...), "; "))
		time.Sleep(time.Minute)
		return
	case os.Getenv(sleeper) != "":
		time.Sleep(time.Minute)
		return
	}
	os.Exit(m.Run())
}
