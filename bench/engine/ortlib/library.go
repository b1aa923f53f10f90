package ortlib

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// machines are the CPUs that a library may be for, by GOARCH.
var machines = map[string]struct {
	elf   elf.Machine
	macho macho.Cpu
	pe    uint16
}{
	"amd64":   {elf.EM_X86_64, macho.CpuAmd64, pe.IMAGE_FILE_MACHINE_AMD64},
	"arm64":   {elf.EM_AARCH64, macho.CpuArm64, pe.IMAGE_FILE_MACHINE_ARM64},
	"arm":     {elf.EM_ARM, macho.CpuArm, pe.IMAGE_FILE_MACHINE_ARMNT},
	"riscv64": {elf.EM_RISCV, 0, 0},
}

// entry is the one symbol that ONNX Runtime promises to export.
const entry = "OrtGetApiBase"

// isLibrary reports why f is no ONNX Runtime library for this device. It
// leaves f at its start.
func isLibrary(f *os.File) error {
	var err error
	switch runtime.GOOS {
	case "windows":
		err = isPE(f)
	case "darwin":
		err = isMachO(f)
	default:
		err = isELF(f)
	}
	if err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

func isELF(r io.ReaderAt) error {
	f, err := elf.NewFile(r)
	if err != nil {
		return fmt.Errorf("not a shared library: %w", err)
	}
	if want := machines[runtime.GOARCH].elf; f.Machine != want {
		return fmt.Errorf("a library for %v, this device is %v", f.Machine, want)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("not a shared library: %w", err)
	}
	for _, s := range symbols {
		if s.Name == entry && s.Section != elf.SHN_UNDEF {
			return nil
		}
	}
	return errNoEntry
}

func isMachO(r io.ReaderAt) error {
	want := machines[runtime.GOARCH].macho
	if fat, err := macho.NewFatFile(r); err == nil {
		for _, a := range fat.Arches {
			if a.Cpu == want {
				return nil
			}
		}
		return fmt.Errorf("a library for other CPUs than %v", want)
	}
	f, err := macho.NewFile(r)
	if err != nil {
		return fmt.Errorf("not a shared library: %w", err)
	}
	if f.Cpu != want {
		return fmt.Errorf("a library for %v, this device is %v", f.Cpu, want)
	}
	return nil
}

func isPE(r io.ReaderAt) error {
	f, err := pe.NewFile(r)
	if err != nil {
		return fmt.Errorf("not a DLL: %w", err)
	}
	if want := machines[runtime.GOARCH].pe; f.Machine != want {
		return fmt.Errorf("a DLL for machine %#x, this device is %#x", f.Machine, want)
	}
	return nil
}

var errNoEntry = errors.New("not ONNX Runtime: it has no " + entry)
