package main

import (
	"os"
	"strings"
)

// ciVariables are the usual variables of CI systems, first found wins:
// GitHub, GitLab, Jenkins, Buildkite, CircleCI, Azure, Travis.
var ciVariables = map[string][]string{
	"commit": {"GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "BUILD_SOURCEVERSION", "TRAVIS_COMMIT"},
	"branch": {"GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "GIT_BRANCH", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "BUILD_SOURCEBRANCHNAME", "TRAVIS_BRANCH"},
	"job":    {"GITHUB_JOB", "CI_JOB_NAME", "JOB_NAME", "BUILDKITE_LABEL", "CIRCLE_JOB", "AGENT_JOBNAME", "TRAVIS_JOB_NAME"},
}

// labels joins what CI says with the user's own key=value pairs, which win.
func labels(own []string) (map[string]string, error) {
	out := map[string]string{}
	for key, vars := range ciVariables {
		for _, v := range vars {
			if s := os.Getenv(v); s != "" {
				out[key] = s
				break
			}
		}
	}
	for _, l := range own {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return nil, usage("--label %q: want key=value, for example commit=1a2b3c", l)
		}
		out[k] = v
	}
	return out, nil
}
