package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/template"

	"assay/agents"

	"github.com/spf13/cobra"
)

//go:embed systemd
var systemd embed.FS

// The files of the service, and where they go.
var serviceFiles = []struct{ from, to string }{
	{"systemd/sysusers.conf", "/etc/sysusers.d/assay.conf"},
	{"systemd/tmpfiles.conf", "/etc/tmpfiles.d/assay.conf"},
	{"systemd/assay-agent.service", "/etc/systemd/system/" + serviceUnit},
}

const serviceUnit = "assay-agent.service"

// serviceSteps make systemd take the files up.
var serviceSteps = [][]string{
	{"systemd-sysusers", "/etc/sysusers.d/assay.conf"},
	{"systemd-tmpfiles", "--create", "/etc/tmpfiles.d/assay.conf"},
	{"systemctl", "daemon-reload"},
	{"systemctl", "enable", serviceUnit},
}

// A service says who runs the agent, and what.
type service struct{ Program, User string }

// Join is what lets the device join a hub, as the agent's user.
func (s service) Join() string {
	return fmt.Sprintf("sudo -u %s %s agent join --data /var/lib/assay/agent", s.User, s.Program)
}

// userName is what systemd takes as the name of a system user.
var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`)

// programPath is what needs no quoting in a unit.
var programPath = regexp.MustCompile(`^/[A-Za-z0-9._/+@-]+$`)

func (s service) check() error {
	if !userName.MatchString(s.User) || s.User == "root" {
		return usage("--user %q: want the name of a user without privileges, of small letters, digits, - and _", s.User)
	}
	if !programPath.MatchString(s.Program) {
		return usage("--program %q: want an absolute path of letters, digits and . _ + @ -", s.Program)
	}
	return nil
}

// files are the contents by path.
func (s service) files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range serviceFiles {
		t, err := template.ParseFS(systemd, f.from)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, s); err != nil {
			return nil, err
		}
		out[f.to] = b.Bytes()
	}
	return out, nil
}

func newAgentInstall() *cobra.Command {
	var s service
	var root string
	var dry bool
	c := &cobra.Command{
		Use:   "install",
		Short: "Make the agent a service of systemd, run by a user without privileges",
		Long: `Install writes a unit of systemd, makes a system user for it, and enables it.
The service can write to /var/lib/assay, /var/cache/assay and /tmp alone, and
holds no privilege. It begins once the device has joined a hub. --dry-run prints
what would be written and done; --root writes the files below another folder, for
the image of a board, and does nothing else.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if s.Program == "" {
				exe, err := os.Executable()
				if err != nil {
					return fmt.Errorf("find assay's own program: %w (give --program)", err)
				}
				s.Program = exe
			}
			if err := s.check(); err != nil {
				return err
			}
			files, err := s.files()
			if err != nil {
				return err
			}
			if dry {
				return s.print(c.OutOrStdout(), files)
			}
			return s.install(c, root, files)
		},
	}
	c.Flags().StringVar(&s.User, "user", "assay", "system user that the agent runs as; it is made where it is not there")
	c.Flags().StringVar(&s.Program, "program", "", "path of assay on the device (default this program's)")
	c.Flags().StringVar(&root, "root", "/", "folder that the files are written below")
	c.Flags().BoolVar(&dry, "dry-run", false, "print the files and commands, and do nothing")
	return c
}

func (s service) print(w io.Writer, files map[string][]byte) error {
	for _, f := range serviceFiles {
		if _, err := fmt.Fprintf(w, "# %s\n%s\n", f.to, files[f.to]); err != nil {
			return err
		}
	}
	for _, step := range serviceSteps {
		if _, err := fmt.Fprintln(w, "# "+strings.Join(step, " ")); err != nil {
			return err
		}
	}
	return nil
}

func (s service) install(c *cobra.Command, root string, files map[string][]byte) error {
	here := filepath.Clean(root) == "/"
	if here && runtime.GOOS != "linux" {
		return fmt.Errorf("a service of systemd on %s: %w (--dry-run prints it, --root writes it elsewhere)", runtime.GOOS, errors.ErrUnsupported)
	}
	if here {
		for _, step := range serviceSteps {
			if _, err := exec.LookPath(step[0]); err != nil {
				return fmt.Errorf("this system has no %s: the agent can be a service of systemd alone (assay agent run works without)", step[0])
			}
		}
	}
	for _, f := range serviceFiles {
		path := filepath.Join(root, filepath.FromSlash(f.to))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = agents.WriteFile(path, files[f.to])
		}
		if err == nil {
			err = os.Chmod(path, 0o644)
		}
		if err != nil {
			return fmt.Errorf("install the service: %w (root may)", err)
		}
		fmt.Fprintln(c.OutOrStdout(), "wrote "+path)
	}
	if !here {
		return nil
	}
	for _, step := range serviceSteps {
		if out, err := exec.CommandContext(c.Context(), step[0], step[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(step, " "), err, strings.TrimSpace(string(out)))
		}
	}
	fmt.Fprintf(c.OutOrStdout(), "enabled %s; next:\n  %s\n  systemctl start assay-agent\n", serviceUnit, s.Join())
	return nil
}
