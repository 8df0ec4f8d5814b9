package main

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// withTokens is the real API of a bellbuoy whose config has a token for each role.
func withTokens(t *testing.T) (server string, guard *access.Guard) {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bb.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	guard = access.New(access.Config{Store: st, Log: log})
	var a config.Admin
	for i, role := range access.Roles() {
		s := config.NewSecret("secret of " + string(role))
		s = config.NewSecret(strings.ReplaceAll(s.Reveal(), " ", "-"))
		a.Tokens = append(a.Tokens, config.Token{Name: string(role), Role: string(role), Secret: &s, Pos: config.Pos{File: "bellbuoy.yml", Line: 3 + i}})
	}
	guard.Use(a)
	srv := httptest.NewServer(api.New(api.Config{Log: log, Store: st, Access: guard}))
	t.Cleanup(srv.Close)
	return srv.URL, guard
}

// token runs a command line with a token.
func token(t *testing.T, server, secret string, args ...string) result {
	t.Helper()
	return bellbuoyEnv(t, map[string]string{"BELLBUOY_SERVER": server, "BELLBUOY_TOKEN": secret}, args...)
}

func TestTokens(t *testing.T) {
	server, _ := withTokens(t)
	admin := func(args ...string) result { t.Helper(); return token(t, server, "secret-of-admin", args...) }

	made := admin("tokens", "create", "ci", "--role", "editor", "--scope", "targets:write,events:read", "--expires", "90d")
	secret := strings.TrimSuffix(made.stdout, "\n")
	if made.status != exitDone || !strings.HasPrefix(secret, "bb_") || strings.Contains(secret, "\n") || made.stderr != "Token ci (editor): it is made. Nobody can tell this secret again.\n" {
		t.Fatalf("%+v", made)
	}
	// It serves at once, from a file too, as far as it goes.
	file := filepath.Join(t.TempDir(), "ci.token")
	if err := os.WriteFile(file, []byte(made.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := bellbuoy(t, server, "events", "--token-file", file); got.status != exitDone && got.status != exitNothing {
		t.Errorf("%+v", got)
	}
	if got := token(t, server, secret, "events"); got.status == exitFailed {
		t.Errorf("%+v", got)
	}
	if got := token(t, server, secret, "tokens"); got.status != exitFailed || !strings.Contains(got.stderr, "this needs the role admin, and ci has editor: use another token, or ask an admin for one that may") {
		t.Errorf("%+v", got)
	}

	list := admin("tokens")
	plain(t, list.stdout)
	for _, want := range []string{"TOKEN", "bellbuoy.yml:3", "targets:write events:read", "made by admin", "taken"} {
		if !strings.Contains(list.stdout, want) {
			t.Errorf("%q is not in\n%s", want, list.stdout)
		}
	}
	if strings.Contains(list.stdout, secret) || admin("tokens", "list") != list {
		t.Errorf("the list is\n%s", list.stdout)
	}
	var all []client.Token
	if err := json.Unmarshal([]byte(admin("tokens", "-o", "json").stdout), &all); err != nil || len(all) != 4 || all[1].Name != "ci" || all[1].Secret != "" {
		t.Errorf("%+v, %v", all, err)
	}

	rotated := admin("tokens", "rotate", "ci", "--overlap", "24h")
	if rotated.status != exitDone || !strings.HasPrefix(rotated.stdout, "bb_") || rotated.stdout == made.stdout || !strings.Contains(rotated.stderr, "the one before is taken until") {
		t.Errorf("%+v", rotated)
	}
	if got := admin("tokens"); !strings.Contains(got.stdout, "taken, the secret before until") {
		t.Errorf("%+v", got)
	}
	for _, s := range []string{secret, strings.TrimSpace(rotated.stdout)} {
		if got := token(t, server, s, "events"); got.status == exitFailed {
			t.Errorf("%+v", got)
		}
	}
	if got := admin("tokens", "delete", "ci"); got != (result{}) {
		t.Errorf("%+v", got)
	}
	if got := token(t, server, secret, "events"); got.status != exitFailed || !strings.Contains(got.stderr, "does not take this token: it is wrong, has expired or was deleted") {
		t.Errorf("%+v", got)
	}
	var one client.Token
	if err := json.Unmarshal([]byte(admin("tokens", "create", "x", "--role", "viewer", "-o", "json").stdout), &one); err != nil || one.Secret == "" {
		t.Errorf("%+v, %v", one, err)
	}
	for args, want := range map[string]struct {
		status int
		stderr string
	}{
		"create x":                           {exitUsage, "say what it may be used for with --role"},
		"create --role viewer":               {exitUsage, "want one NAME"},
		"create .. --role viewer":            {exitUsage, "is no NAME"},
		"create y --role root":               {exitUsage, "role"},
		"create X --role viewer":             {exitUsage, "is no name"},
		"create x --role viewer":             {exitFailed, "there is a token \"x\" already"},
		"create y --role viewer --expires x": {exitUsage, "is no length of time"},
		"create y --role viewer --scope x":   {exitUsage, "scopes"},
		"rotate none":                        {exitNothing, "there is no token \"none\""},
		"rotate x --overlap 8d":              {exitUsage, "0s to 7d"},
		"rotate viewer":                      {exitFailed, "is defined in bellbuoy.yml:3: change it there"},
		"delete viewer":                      {exitFailed, "is defined in bellbuoy.yml:3: change it there"},
		"delete none":                        {exitNothing, "there is no token"},
		"crate":                              {exitUsage, "there is no command"},
	} {
		got := admin(append([]string{"tokens"}, strings.Fields(args)...)...)
		if got.status != want.status || !strings.Contains(got.stderr, want.stderr) || got.stdout != "" {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

// Who may not is told what to do.
func TestNotLet(t *testing.T) {
	server, guard := withTokens(t)
	if got := bellbuoy(t, server, "events"); got.status != exitFailed || !strings.Contains(got.stderr, "wants to know who asks: name the file that holds a token with --token-file, or put it into BELLBUOY_TOKEN") {
		t.Errorf("%+v", got)
	}
	for range 9 {
		token(t, server, "canary-wrong", "events")
	}
	got := token(t, server, "canary-wrong", "events")
	for range 2 {
		got = token(t, server, "canary-wrong", "events")
	}
	if got.status != exitFailed || !strings.Contains(got.stderr, "has refused too many attempts from here: try again in ") || strings.Contains(got.stderr, "canary") {
		t.Errorf("%+v", got)
	}

	// While nothing is configured, tokens can be made for later.
	guard.Use(config.Admin{})
	made := bellbuoy(t, server, "tokens", "create", "later", "--role", "viewer")
	if made.status != exitDone || !strings.Contains(made.stderr, "It is not taken: the configuration has neither tokens nor users") {
		t.Errorf("%+v", made)
	}
}
