//go:build linux || darwin || freebsd

package store

import "golang.org/x/sys/unix"

// free returns the bytes that an unprivileged user may still write below dir.
func free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(max(int64(st.Bavail), 0)) * uint64(st.Bsize), nil
}
