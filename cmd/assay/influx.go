package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"assay/models/strict"
	"assay/reports/store"
	"assay/reports/store/influx"

	"github.com/spf13/pflag"
)

// influxFlags say which InfluxDB, if any. A flag comes before the environment
// (ASSAY_INFLUX_URL and so on), the environment before the config file.
type influxFlags struct {
	set       influx.Settings
	tokenFile string
	fl        *pflag.FlagSet
}

func (f *influxFlags) add(fl *pflag.FlagSet) {
	f.fl = fl
	fl.StringVar(&f.set.URL, "influx-url", "", "InfluxDB that runs are pushed to, for example https://influx.example:8086")
	fl.StringVar(&f.set.Token, "influx-token", "", "its token (user:password for 1.8); other users can read a command line: prefer the file")
	fl.StringVar(&f.tokenFile, "influx-token-file", "", "file that holds the token")
	fl.StringVar(&f.set.Org, "influx-org", "", "organization (2.x)")
	fl.StringVar(&f.set.Bucket, "influx-bucket", "", "bucket (database/retention-policy for 1.8)")
	fl.StringVar(&f.set.CA, "influx-ca", "", "PEM file of certificates to trust besides the system's")
	fl.StringVar(&f.set.Proxy, "influx-proxy", "", "proxy (default $HTTPS_PROXY)")
	fl.BoolVar(&f.set.Insecure, "influx-insecure", false, "do not check certificates, and let plain HTTP leave this machine")
}

// config is the user's config file.
type config struct {
	Influx struct {
		URL       string `yaml:"url"`
		Token     string `yaml:"token"`
		TokenFile string `yaml:"token_file"`
		Org       string `yaml:"org"`
		Bucket    string `yaml:"bucket"`
		CA        string `yaml:"ca"`
		Proxy     string `yaml:"proxy"`
		Insecure  bool   `yaml:"insecure"`
	} `yaml:"influx"`
}

// configPath is where the config file is: ASSAY_CONFIG, or assay/config.yaml
// in the user's folder for settings.
func configPath() (string, error) {
	if p := os.Getenv("ASSAY_CONFIG"); p != "" {
		return p, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the config file: %w (set ASSAY_CONFIG)", err)
	}
	return filepath.Join(dir, "assay", "config.yaml"), nil
}

// readConfig reads the config file; without one nothing is set. A file that
// holds a token must be its owner's alone.
func readConfig() (config, error) {
	var c config
	path, err := configPath()
	if err != nil {
		return c, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("ASSAY_CONFIG") == "" {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := strict.Decode(path, b, &c); err != nil {
		return c, err
	}
	if info, err := os.Stat(path); err == nil && c.Influx.Token != "" && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return c, fmt.Errorf("%s holds a token and others can read it: chmod 600 %s", path, path)
	}
	return c, nil
}

// settings are what flags, environment and config file say together; "" for
// the URL where nothing is pushed.
func (f *influxFlags) settings() (influx.Settings, error) {
	c, err := readConfig()
	if err != nil {
		return influx.Settings{}, err
	}
	s, file := f.set, f.tokenFile
	for _, v := range []struct {
		to              *string
		flag, env, conf string
	}{
		{&s.URL, "influx-url", "ASSAY_INFLUX_URL", c.Influx.URL},
		{&s.Org, "influx-org", "ASSAY_INFLUX_ORG", c.Influx.Org},
		{&s.Bucket, "influx-bucket", "ASSAY_INFLUX_BUCKET", c.Influx.Bucket},
		{&s.CA, "influx-ca", "ASSAY_INFLUX_CA", c.Influx.CA},
		{&s.Proxy, "influx-proxy", "ASSAY_INFLUX_PROXY", c.Influx.Proxy},
	} {
		f.fill(v.to, v.flag, v.env, v.conf)
	}
	if !f.fl.Changed("influx-insecure") {
		s.Insecure = c.Influx.Insecure
		if v := os.Getenv("ASSAY_INFLUX_INSECURE"); v != "" {
			if s.Insecure, err = strconv.ParseBool(v); err != nil {
				return s, fmt.Errorf("ASSAY_INFLUX_INSECURE is %q: want true or false", v)
			}
		}
	}
	// One place tells the token, the most particular: of two in one place the value.
	for _, v := range []struct{ value, file string }{
		{s.Token, file},
		{os.Getenv("ASSAY_INFLUX_TOKEN"), os.Getenv("ASSAY_INFLUX_TOKEN_FILE")},
		{c.Influx.Token, c.Influx.TokenFile},
	} {
		if v.value == "" && v.file == "" {
			continue
		}
		if s.Token = v.value; s.Token == "" {
			b, err := os.ReadFile(v.file)
			if err != nil {
				return s, fmt.Errorf("read the token: %w", err)
			}
			s.Token = strings.TrimSpace(string(b))
		}
		break
	}
	return s, nil
}

// fill sets a value that no flag gives.
func (f *influxFlags) fill(to *string, flag, env, conf string) {
	if f.fl.Changed(flag) {
		return
	}
	*to = conf
	if v, ok := os.LookupEnv(env); ok {
		*to = v
	}
}

const noInflux = "no InfluxDB is set: --influx-url, ASSAY_INFLUX_URL, or influx: in the config file"

// client returns a client, or nil where no server is named.
func (f *influxFlags) client() (*influx.Client, error) {
	s, err := f.settings()
	if err != nil {
		return nil, usage("%v", err)
	}
	if s.URL == "" {
		return nil, nil
	}
	c, err := influx.New(s)
	if err != nil {
		return nil, usage("%v", err)
	}
	return c, nil
}

// forward makes db queue its runs if a server is named, and returns the client.
func (f *influxFlags) forward(db *store.SQLite) (*influx.Client, error) {
	c, err := f.client()
	if c != nil && db != nil {
		db.ForwardWith(influx.Lines)
	}
	return c, err
}
