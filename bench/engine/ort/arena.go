//go:build !windows

package ort

/*
#cgo LDFLAGS: -ldl

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

// OrtApi is a table of functions whose places are fixed for ever: new ones are
// added at its end (onnxruntime_c_api.h, "struct OrtApi"). So the few that the
// Go binding does not wrap can be called by their places.
typedef void (*function)(void);
typedef struct { const function *(*api)(uint32_t version); } api_base;

enum {
	API_VERSION = 24, // the binding asks for the same
	CREATE_CPU_MEMORY_INFO = 69,
	RELEASE_STATUS = 93,
	RELEASE_MEMORY_INFO = 94,
	CREATE_ALLOCATOR = 131,
	RELEASE_ALLOCATOR = 132,
	GET_KEY_VALUE = 297,
	RELEASE_KEY_VALUE_PAIRS = 300,
	ALLOCATOR_GET_STATS = 319, // since 1.23
	ARENA_ALLOCATOR = 1, // OrtArenaAllocator
	MEM_TYPE_DEFAULT = 0 // OrtMemTypeDefault
};

typedef void *status; // NULL is success
typedef status (*create_info)(int allocator, int type, void **info);
typedef status (*create_allocator)(void *session, void *info, void **allocator);
typedef status (*get_stats)(void *allocator, void **pairs);
typedef const char *(*get_value)(void *pairs, const char *key);
typedef void (*release)(void *);

static int64_t number(const char *text) {
	char *end;
	errno = 0;
	long long v = text == NULL ? -1 : strtoll(text, &end, 10);
	return text == NULL || errno != 0 || end == text || *end != 0 || v < 0 ? -1 : v;
}

// arena_size returns the bytes that the arena of a session has taken from the
// system, -1 where the library does not tell. library is the path that it was
// opened by.
static int64_t arena_size(const char *library, void *session) {
	void *so = dlopen(library, RTLD_LAZY | RTLD_NOLOAD); // the one that is open
	if (so == NULL) return -1;
	const api_base *(*base)(void) = (const api_base *(*)(void))dlsym(so, "OrtGetApiBase");
	const function *api = base == NULL ? NULL : base()->api(API_VERSION);
	int64_t size = -1;
	if (api != NULL) {
		void *info = NULL, *allocator = NULL, *pairs = NULL;
		status s = ((create_info)api[CREATE_CPU_MEMORY_INFO])(ARENA_ALLOCATOR, MEM_TYPE_DEFAULT, &info);
		if (s == NULL) s = ((create_allocator)api[CREATE_ALLOCATOR])(session, info, &allocator);
		if (s == NULL) s = ((get_stats)api[ALLOCATOR_GET_STATS])(allocator, &pairs);
		if (s == NULL) size = number(((get_value)api[GET_KEY_VALUE])(pairs, "TotalAllocated"));
		if (s != NULL) ((release)api[RELEASE_STATUS])(s);
		if (pairs != NULL) ((release)api[RELEASE_KEY_VALUE_PAIRS])(pairs);
		if (allocator != NULL) ((release)api[RELEASE_ALLOCATOR])(allocator);
		if (info != NULL) ((release)api[RELEASE_MEMORY_INFO])(info);
	}
	dlclose(so);
	return size;
}
*/
import "C"

import (
	"reflect"
	"unsafe"
)

// ArenaSize returns the bytes that the session's CPU arena has taken from the
// system: values, and what the library keeps of the weights there. −1 is
// unknown.
//
// The binding has no such call and does not give its session away; the handle
// is read by reflection from fields of the pinned version, and is −1 where
// another version names them otherwise.
func (s *session) ArenaSize() int64 {
	v := reflect.ValueOf(s.s)
	for _, name := range []string{"s", "ortSession"} {
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return -1
		}
		v = v.Elem().FieldByName(name)
	}
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return -1
	}
	library := C.CString(s.library)
	defer C.free(unsafe.Pointer(library))
	return int64(C.arena_size(library, v.UnsafePointer()))
}
