package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
)

// blocks are the code blocks of docs/nightly.md by the file that each is,
// which its first line names.
func blocks() (map[string]string, error) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "nightly.md"))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```[a-z]*\n# (\\S+)\n(.*?)^```$").FindAllStringSubmatch(string(b), -1) {
		out[filepath.Base(m[1])] = m[2]
	}
	return out, nil
}

// setting returns the values of a key of a systemd unit, in order.
func setting(unit, key string) []string {
	var out []string
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			out = append(out, v)
		}
	}
	return out
}

// A workflow is what is looked at of a GitHub workflow.
type workflow struct {
	On struct {
		Schedule []struct{ Cron string }
	}
	Jobs map[string]struct {
		RunsOn []string `yaml:"runs-on"`
		Steps  []struct {
			Name, Uses, Run, If string
			Env                 map[string]string
		}
	}
}

func nightlyWorkflow(all map[string]string) (workflow, error) {
	var w workflow
	err := yaml.Unmarshal([]byte(all["nightly.yml"]), &w)
	return w, err
}

// nightly writes the commands of the recipes into scripts, with no change but
// where assay is: start.sh and stop.sh of the unit, step1.sh … of the workflow.
func nightly(ts *testscript.TestScript, _ bool, _ []string) {
	all, err := blocks()
	ts.Check(err)
	write := func(name string, lines []string) {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	}
	for file, key := range map[string]string{"start.sh": "ExecStart", "stop.sh": "ExecStopPost"} {
		lines := setting(all["assay-nightly.service"], key)
		for i, line := range lines {
			line, ignored := strings.CutPrefix(line, "-") // systemd's mark of a command that may fail
			if lines[i] = strings.TrimPrefix(line, "/usr/local/bin/"); ignored {
				lines[i] += " || true"
			}
		}
		write(file, lines)
	}
	w, err := nightlyWorkflow(all)
	ts.Check(err)
	n := 0
	for _, s := range w.Jobs["measure"].Steps {
		if s.Run != "" {
			n++
			write(fmt.Sprintf("step%d.sh", n), []string{strings.ReplaceAll(s.Run, "${{ github.sha }}", "1a2b3c4d")})
		}
	}
}

func TestNightlyRecipes(t *testing.T) {
	all, err := blocks()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"assay-nightly.service", "assay-nightly.timer", "nightly.yml"} {
		if all[name] == "" {
			t.Fatalf("docs/nightly.md has no block that begins with the path of %s", name)
		}
	}
	for _, key := range []string{"ExecStart", "ExecStopPost"} {
		commands := setting(all["assay-nightly.service"], key)
		if len(commands) == 0 {
			t.Errorf("the unit has no %s", key)
		}
		for _, c := range commands {
			args, ok := strings.CutPrefix(strings.TrimPrefix(c, "-"), "/usr/local/bin/assay ")
			if !ok {
				t.Errorf("%s=%s: want the full path of assay", key, c)
			}
			checkCommand(t, "docs/nightly.md", args)
		}
	}
	w, err := nightlyWorkflow(all)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.On.Schedule) != 1 || len(strings.Fields(w.On.Schedule[0].Cron)) != 5 || len(w.Jobs["measure"].Steps) < 4 {
		t.Fatalf("the workflow is not what it seems: %+v", w)
	}
	for _, s := range w.Jobs["measure"].Steps {
		if (s.Uses == "") == (s.Run == "") {
			t.Errorf("step %q uses or runs something, not both or neither", s.Name)
		}
		for line := range strings.Lines(s.Run) {
			if args, ok := strings.CutPrefix(strings.TrimSpace(line), "assay "); ok {
				args, _, _ = strings.Cut(args, " >>")
				checkCommand(t, "docs/nightly.md", args)
			}
		}
		for name, v := range s.Env {
			if strings.Contains(strings.ToLower(name), "webhook") && !strings.Contains(v, "secrets.") {
				t.Errorf("%s is no secret of the repository: %s", name, v)
			}
		}
	}
}

// TestUnits asks systemd itself what it thinks of the units.
func TestUnits(t *testing.T) {
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze on PATH: systemd's own check of the units needs it")
	}
	all, err := blocks()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	self, err := os.Executable() // stands for assay: the check wants a program
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for name, text := range all {
		if strings.HasPrefix(name, "assay-nightly.") {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "/usr/local/bin/assay", self)), 0o644); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	if len(files) != 2 {
		t.Fatalf("%d units, want a service and a timer", len(files))
	}
	out, err := exec.Command(path, append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	var own []string
	for line := range strings.Lines(string(out)) { // it speaks of the machine's other units too
		if strings.Contains(line, "assay-nightly") {
			own = append(own, line)
		}
	}
	if len(own) > 0 {
		t.Errorf("%v: %s", err, strings.Join(own, ""))
	}
	// What it finds is found: a misspelt key is said.
	bad := filepath.Join(dir, "assay-nightly-bad.service")
	text := strings.Replace(all["assay-nightly.service"], "StateDirectory=", "StateDirektory=", 1)
	if err := os.WriteFile(bad, []byte(strings.ReplaceAll(text, "/usr/local/bin/assay", self)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.Command(path, "verify", "--man=no", bad).CombinedOutput(); !strings.Contains(string(out), "StateDirektory") {
		t.Errorf("systemd-analyze does not see a misspelt key: %s", out)
	}
	if out, err := exec.Command(path, "calendar", setting(all["assay-nightly.timer"], "OnCalendar")[0]).CombinedOutput(); err != nil {
		t.Errorf("OnCalendar: %v: %s", err, out)
	}
}
