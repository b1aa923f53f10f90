//go:build glibc231

package main

import "C" // start.c is compiled only into a package that uses cgo
