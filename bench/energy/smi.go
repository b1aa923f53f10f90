package energy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// smiInterval: on Ampere and newer power.draw is the mean of 1 s
// (nvidia-smi(1)); a call takes some tenths of that.
const smiInterval = time.Second

// smiMeters finds NVIDIA's GPUs by nvidia-smi, which tells power only. why is
// the reason not to use the library.
func smiMeters(ctx context.Context, env Env, why error) ([]Meter, error) {
	rows, err := smi(ctx, env, nil)
	if errors.Is(err, exec.ErrNotFound) {
		return nil, denied{
			fmt.Errorf("an NVIDIA driver is loaded, with neither its library nor nvidia-smi: %w", why),
			"install the driver's library and tools (Debian: libnvidia-ml1, nvidia-smi; containers: NVIDIA_DRIVER_CAPABILITIES=utility)",
		}
	}
	if err != nil {
		return nil, err
	}
	var gpus []gpu
	notes := []string{fmt.Sprintf("power only, read through nvidia-smi (%v)", why)}
	for _, r := range rows {
		if r.err != nil {
			notes = append(notes, fmt.Sprintf("%s meters nothing and is left out", r.gpu))
			continue
		}
		gpus = append(gpus, r.gpu)
	}
	return gpuMeters(gpus, notes, func(gpus []gpu) (Meter, error) {
		var names []string
		for _, g := range gpus {
			names = append(names, fmt.Sprintf("gpu-%d", g.index))
		}
		return Meter{Interval: smiInterval, Error: nvmlInaccuracy, Total: []Sensor{&gauge{
			domain: Domain{strings.Join(names, " + "), Power}, now: env.Now,
			value: func(ctx context.Context) (float64, error) { return smiSum(ctx, env, gpus) },
		}}}, nil
	})
}

// smiSum is the power of gpus by one call.
func smiSum(ctx context.Context, env Env, gpus []gpu) (watts float64, err error) {
	rows, err := smi(ctx, env, gpus)
	if err != nil {
		return 0, err
	}
	if len(rows) != len(gpus) {
		return 0, fmt.Errorf("nvidia-smi told of %d GPUs, not of %d", len(rows), len(gpus))
	}
	for _, r := range rows {
		if r.err != nil {
			return 0, r.err
		}
		watts += r.watts
	}
	return watts, nil
}

// smi asks nvidia-smi for the power of gpus, of all where there are none.
func smi(ctx context.Context, env Env, gpus []gpu) ([]smiRow, error) {
	var args, ids []string
	for _, g := range gpus {
		ids = append(ids, strconv.Itoa(g.index))
	}
	if len(ids) > 0 {
		args = []string{"--id=" + strings.Join(ids, ",")}
	}
	args = append(args, "--query-gpu=index,name,power.draw", "--format=csv,noheader,nounits")
	out, err := env.System.Run(ctx, "nvidia-smi", args...)
	if err != nil {
		return nil, err
	}
	return parseSMI(string(out))
}

// An smiRow is what nvidia-smi tells of one GPU.
type smiRow struct {
	gpu   gpu
	watts float64
	err   error // the GPU tells no power
}

// parseSMI reads lines such as "0, NVIDIA A10, 55.32". A power that is none
// ("[N/A]", "[Unknown Error]") is an error of its row.
func parseSMI(text string) (rows []smiRow, err error) {
	for line := range strings.Lines(text) {
		switch strings.TrimSpace(line) {
		case "", "No devices were found":
			continue
		}
		first, rest, ok := strings.Cut(line, ",")
		last := strings.LastIndexByte(rest, ',')
		index, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
		if !ok || last < 0 || err != nil {
			return nil, fmt.Errorf("nvidia-smi: %q is not index, name, power", strings.TrimSpace(line))
		}
		r := smiRow{gpu: gpu{index: int(index), name: strings.TrimSpace(rest[:last])}}
		power := strings.TrimSpace(rest[last+1:])
		if r.watts, err = strconv.ParseFloat(power, 64); err != nil || math.IsNaN(r.watts) || math.IsInf(r.watts, 0) || r.watts < 0 {
			r.watts, r.err = 0, fmt.Errorf("nvidia-smi: gpu-%d: %q is no power", index, power)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
