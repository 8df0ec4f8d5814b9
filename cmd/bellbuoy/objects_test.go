package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// changeable is the real API of a bellbuoy whose file has one rule, and which takes any rule
// but those that deliver nothing.
func changeable(t *testing.T) (server string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var made []objects.Object
	try := func(ch objects.Change) (i int, err error) {
		for i = range made {
			if made[i].Name == ch.Name {
				break
			}
		}
		there := i < len(made) && made[i].Name == ch.Name
		if !there {
			i = len(made)
		}
		switch {
		case there && ch.Version == 0 && ch.Body != nil:
			return i, fmt.Errorf("rule %q: %w", ch.Name, objects.ErrExists)
		case ch.Body != nil && !strings.Contains(string(ch.Body), "deliver"):
			return i, &objects.InvalidError{Kind: ch.Kind, Name: ch.Name, Faults: []objects.Fault{{Path: "deliver", Message: "is missing"}, {Path: "tag\u202e", Message: "is odd"}}}
		}
		return i, nil
	}
	srv := httptest.NewServer(api.New(api.Config{
		Store: s, Version: "test", Log: slog.New(slog.DiscardHandler),
		Rules: func() *rules.Set { return nil }, Running: func() api.Running { return api.Running{} },
		Ready:   func() error { return nil },
		Objects: func() []objects.Object { return made },
		Try: func(_ context.Context, changes []objects.Change) (*rules.Set, error) {
			_, err := try(changes[0])
			return nil, err
		},
		Change: func(_ context.Context, by string, changes []objects.Change) error {
			ch := changes[0]
			i, err := try(ch)
			switch {
			case err != nil:
				return err
			case ch.Body == nil:
				made = append(made[:i], made[i+1:]...)
				return nil
			case i == len(made):
				made = append(made, objects.Object{Kind: ch.Kind, Name: ch.Name})
			}
			made[i].Body, made[i].By = ch.Body, by
			made[i].Version++
			return nil
		},
		Written: func(kind objects.Kind, name string) (api.Written, bool) {
			return api.Written{Body: json.RawMessage(`{"name":"filed"}`), Source: &api.Source{File: "bellbuoy.yml", Line: 3}}, kind == objects.Rule && name == "filed"
		},
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestObjectsByTheCommand(t *testing.T) {
	server := changeable(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("good.yml", "name: releases\ndescription: 生产\ntag: {list: [1.10]}\ndeliver: [ci]\n")
	bad := write("bad.json", `{"name":"releases","tag":{"regex":"x"}}`)
	patch := write("patch.yml", "description: ~\nnoise: quiet\n")
	for _, x := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"rules create -f " + good + " --dry-run", exitDone, "rule releases would be good. Nothing was changed.\n", ""},
		{"rules get releases", exitNothing, "", `there is no rule "releases"`},
		{"rules create -f " + bad, exitUsage, "", bad + ": deliver: is missing\n" + bad + `: tag\u202e: is odd` + "\n"},
		{"rules create -f " + good, exitDone, "rule releases made, version 1.\n", ""},
		{"rules create -f " + good, exitFailed, "", "there is one of that name already"},
		{"rules update releases --patch -f " + patch + " --if-version 1", exitDone, "rule releases changed, version 2.\n", ""},
		{"rules update releases -f " + good + " --if-version 1", exitFailed, "", "it was changed meanwhile"},
		{"rules get releases", exitDone, `"noise": "quiet"`, "Made through the API, version 2, last changed by `bellbuoy rules update releases`"},
		{"rules get releases -o json", exitDone, `"in_use": true`, ""},
		{"rules disable releases", exitDone, "rule releases is disabled.\n", ""},
		{"rules enable releases", exitDone, "rule releases is enabled.\n", ""},
		{"rules get filed", exitDone, `"name": "filed"`, "Defined in bellbuoy.yml:3: it is changed there."},
		{"rules disable filed", exitFailed, "", "bellbuoy.yml:3"},
		{"rules delete filed", exitFailed, "", "bellbuoy.yml:3"},
		{"rules delete releases --dry-run", exitDone, "rule releases would be deleted.\n", ""},
		{"rules delete releases --if-version 9", exitFailed, "", "it was changed meanwhile"},
		{"rules delete releases", exitDone, "rule releases deleted.\n", ""},
		{"rules delete releases", exitNothing, "", "there is no rule"},
		{"rules create", exitUsage, "", "--file is missing"},
		{"rules create -f " + dir + "/none", exitUsage, "", "no such file"},
		{"rules test releases", exitNothing, "", "there is no rule"},
		{"registries", exitNothing, "", "there is no registry"},
		{"targets get ci", exitNothing, "", "there is no target"},
	} {
		got := bellbuoy(t, server, strings.Fields(x.line)...)
		if got.status != x.status || !strings.Contains(got.stdout, x.stdout) || !strings.Contains(got.stderr, x.stderr) {
			t.Errorf("%s: %+v", x.line, got)
		}
	}
}
