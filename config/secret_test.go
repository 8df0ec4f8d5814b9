package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestSecretIsNeverShown(t *testing.T) {
	const canary = "canary-5ecret"
	s := NewSecret(canary)
	if s.Reveal() != canary {
		t.Fatalf("reveals %q", s.Reveal())
	}
	type hidden struct{ s Secret }
	c, faults := Parse("bb.yml", []byte(`
registries: [{name: hub, type: distribution, auth: [{bearer: `+canary+`}, {basic: {user: u, password: `+canary+`}}, {header: {name: X, value: `+canary+`}}, {path: `+canary+`}]}]
targets: [{name: ci, type: webhook, options: {headers: {X: `+canary+`}}}]
`), known)
	if len(c.Registries) != 1 || len(c.Registries[0].Auth) != 4 {
		t.Fatalf("config %v, faults %v", c, faults)
	}
	for i, a := range c.Registries[0].Auth {
		found := []*Secret{a.Bearer, a.Path}
		if a.Basic != nil {
			found = append(found, a.Basic.Password)
		}
		if a.Header != nil {
			found = append(found, a.Header.Value)
		}
		if !slices.ContainsFunc(found, func(s *Secret) bool { return s != nil && s.Reveal() == canary }) {
			t.Errorf("credential %d is %v", i, a)
		}
	}
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		log := slog.New(h)
		log.Info("x", "secret", s, "pointer", &s, "hidden", hidden{s}, "config", c, "target", c.Targets[0], "auth", c.Registries[0].Auth)
	}
	shown := []string{logged.String(), fmt.Sprint(faults)}
	for _, v := range []any{s, &s, hidden{s}, &hidden{s}, []Secret{s}, map[string]Secret{"a": s}, c, *c, c.Targets, &c.Targets[0], c.Registries} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
		if b, err := json.Marshal(v); err != nil {
			t.Error(err)
		} else {
			shown = append(shown, string(b))
		}
	}
	for _, v := range []any{s, &s, Auth{Bearer: &s}, c.Registries} {
		b, err := yaml.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		shown = append(shown, string(b))
	}
	for _, text := range shown {
		for _, form := range []string{canary, fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
			if strings.Contains(text, form) {
				t.Errorf("shown in %s", text)
			}
		}
	}
	if fmt.Sprint(s) != "***" || fmt.Sprint(&s) != "***" {
		t.Errorf("printed as %v", s)
	}
	if b, _ := json.Marshal(Header{"X", &s}); string(b) != `{"Name":"X","Value":"***"}` {
		t.Errorf("JSON is %s", b)
	}
	if b, _ := yaml.Marshal(Header{"X", &s}); string(b) != "name: X\nvalue: '***'\n" {
		t.Errorf("YAML is %s", b)
	}
}
