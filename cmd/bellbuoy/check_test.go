package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckSchema(t *testing.T) {
	t.Chdir(t.TempDir()) // where there is nothing to check
	got := bellbuoy(t, "", "check", "--schema")
	var schema struct {
		Schema     string         `json:"$schema"`
		Title      string         `json:"title"`
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &schema); err != nil || got.status != exitDone || got.stderr != "" {
		t.Fatalf("status %d, %v, %q", got.status, err, got.stderr)
	}
	if schema.Schema == "" || schema.Title != "bellbuoy configuration" || schema.Properties["rules"] == nil || !strings.HasSuffix(got.stdout, "}\n") {
		t.Errorf("got %+v", schema)
	}
	for _, more := range [][]string{{"bellbuoy.yml"}, {"--registry-config", "config.yml"}} {
		got := bellbuoy(t, "", append([]string{"check", "--schema"}, more...)...)
		if got.status != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, "--schema checks nothing") {
			t.Errorf("with %v: %+v", more, got)
		}
	}
}
