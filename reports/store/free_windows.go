package store

import "golang.org/x/sys/windows"

// free returns the bytes that the user may still write below dir.
func free(dir string) (uint64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var n uint64
	err = windows.GetDiskFreeSpaceEx(p, &n, nil, nil)
	return n, err
}
