package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/process"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// Secrets are given to bellbuoy in every way that there is, in files and through the API, for
// targets that answer with all that they were told. None of them is anywhere afterwards: in no
// log, answer, trace, metric, argument or environment, nor in the store in clear.
func TestNoSecretIsShown(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// What a target repeats of a request is among what is shown of it.
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "no: %s %v ", r.URL, r.Header)
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(echo.Close)
	dir := t.TempDir()
	c, err := sidecar.Write(dir, sidecar.Options{Target: echo.URL + "/hook?token=canary-of-file-query"})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"token": "canary-of-token-0123456789", "header": "canary-of-file-header", "key": strings.Repeat("Q", 43) + "="} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, c.Path, "store:", "egress: {allow: [127.0.0.0/8]}\nsecrets: {key: {file: key}}\nstore:")
	replace(t, c.Path, "    listen: "+c.Admin, "    listen: "+c.Admin+"\n    tokens: [{name: ci, role: admin, secret: {file: token}}]")
	replace(t, c.Path, "      options:", "      options:\n        headers: {X-Token: {file: header}, Authorization: {env: CANARY}}\n        secrets: [{env: CANARY}]")
	log := filepath.Join(dir, "bellbuoy.log")
	life, err := sidecar.Start(program(t), c, log, "CANARY=canary-of-environment")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(life.Kill)
	if err := life.Ready(ctx); err != nil {
		t.Fatalf("%v\n%s", err, life.Log())
	}

	shown := map[string]string{}
	token := "canary-of-token-0123456789"
	ask := func(method, path, body string) (int, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, method, "http://"+c.Admin+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		shown[method+" "+path] += fmt.Sprint(string(b), resp.Header)
		return resp.StatusCode, b
	}
	made := func(path, body string) {
		t.Helper()
		if status, b := ask("POST", path, body); status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, status, b)
		}
	}
	made("/api/v1/targets", fmt.Sprintf(`{"name":"hook","type":"webhook","options":{"url":"%s/hook","headers":{"X-Token":"canary-of-api-header"},
		"secrets":["canary-of-api-signature"],"auth":{"bearer":"canary-of-api-bearer"}}}`, echo.URL))
	made("/api/v1/targets", fmt.Sprintf(`{"name":"ding","type":"dingtalk","options":{"url":"%s/robot/send?access_token=canary-of-api-url","secret":"SECcanary-of-api-secret"}}`, echo.URL))
	made("/api/v1/targets", `{"name":"mail","type":"email","options":{"host":"127.0.0.1","port":9,"from":"a@example.com","to":["b@example.com"],"username":"u","password":"canary-of-api-password"}}`)
	made("/api/v1/registries", `{"name":"other","type":"harbor","url":"http://127.0.0.1:9","auth":{"bearer":"canary-of-api-registry"}}`)
	made("/api/v1/rules", `{"name":"made","events":["artifact.pushed"],"deliver":["hook","ding","mail"]}`)
	made("/api/v1/tokens", `{"name":"more","role":"viewer"}`)
	made("/api/v1/repository/acme/api/notification/", fmt.Sprintf(`{"event":"repo_push","method":"slack","config":{"url":"%s/services/canary-of-quay"},"eventConfig":{}}`, echo.URL))
	if status, _ := ask("POST", "/api/v1/targets", `{"name":"bad","type":"webhook","options":{"url":"canary-of-bad-url","secrets":"canary-of-bad-secret"}}`); status != http.StatusBadRequest {
		t.Errorf("a bad target: %d", status)
	}
	delete(shown, "POST /api/v1/tokens") // it is shown this once, and is none of these

	// Something happens with each of them, and goes wrong.
	envelope, err := poster.Envelope("0000-canary", "acme/api", "latest", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := poster.Poster{URL: life.Intake(), Bearer: sidecar.Bearer, Client: http.DefaultClient}
	if status, err := p.Post(ctx, envelope); err != nil || status != http.StatusAccepted {
		t.Fatal(status, err)
	}
	var event string
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var events []struct {
			ID         string
			Deliveries map[string]int
		}
		_, b := ask("GET", "/api/v1/events?type=artifact.pushed", "")
		if err := json.Unmarshal(b, &events); err != nil {
			t.Fatal(err)
		}
		if len(events) == 1 && events[0].Deliveries["dead"] >= 4 {
			event = events[0].ID
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the deliveries do not end: %s", b)
		}
	}
	for _, name := range []string{"ci", "hook", "ding", "mail"} {
		ask("POST", "/api/v1/targets/"+name+"/test", `{}`)
	}

	// All that the API tells, as its own document lists it.
	_, b := ask("GET", "/api/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.Paths) < 30 {
		t.Fatalf("%d paths, %v", len(doc.Paths), err)
	}
	named := regexp.MustCompile(`\{\w+\}`)
	for path, methods := range doc.Paths {
		if _, ok := methods["get"]; !ok {
			continue
		}
		switch {
		case strings.HasPrefix(path, "/api/v1/events/"):
			ask("GET", named.ReplaceAllString(path, event), "")
		case strings.HasPrefix(path, "/api/v1/targets/"):
			for _, name := range []string{"ci", "hook", "ding", "mail"} {
				ask("GET", named.ReplaceAllString(path, name), "")
			}
		case strings.HasPrefix(path, "/api/v1/rules/"):
			ask("GET", named.ReplaceAllString(path, "made"), "")
		case strings.HasPrefix(path, "/api/v1/registries/"):
			ask("GET", named.ReplaceAllString(path, "other"), "")
			ask("GET", named.ReplaceAllString(path, "hub"), "")
		default:
			ask("GET", named.ReplaceAllString(path, "webhook"), "")
		}
	}
	ask("GET", "/api/v1/repository/acme/api/notification/", "")
	ask("GET", "/metrics", "")
	ask("GET", "/readyz", "")
	ask("POST", "/api/v1/backup", `{}`)
	for _, args := range [][]string{{"trace", event}, {"trace", event, "-o", "json"}, {"targets"}, {"targets", "get", "hook"}, {"rules"}, {"registries"}, {"explain", event}, {"plugins"}} {
		out, err := life.Command(ctx, append(args, "--token-file", filepath.Join(dir, "token"))...)
		if err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
		shown["command "+strings.Join(args, " ")] = string(out)
	}

	// What other users of the machine, and whoever gets a core dump's neighbours, may see.
	children, err := process.Children(life.PID())
	if err != nil || len(children) == 0 {
		t.Fatalf("senders are %v, %v", children, err)
	}
	for _, pid := range append(children, life.PID()) {
		for _, what := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, what))
			if err != nil {
				t.Fatal(err)
			}
			if pid == life.PID() { // who starts it gives it this
				b = []byte(strings.ReplaceAll(string(b), "CANARY=canary-of-environment", ""))
			}
			shown[fmt.Sprintf("%s of %d", what, pid)] = string(b)
		}
	}
	life.Kill()
	files, err := filepath.Glob(c.Store + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, log) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		shown[filepath.Base(name)] = string(b)
	}
	if !strings.Contains(shown["command trace "+event], "400") || len(shown) < 50 {
		t.Fatalf("looked at %d places only:\n%s", len(shown), shown["command trace "+event])
	}
	canary := regexp.MustCompile(`.{0,60}canary-of-[a-z-]+.{0,40}`)
	for where, text := range shown {
		for _, found := range canary.FindAllString(text, 3) {
			t.Errorf("%s: %q", where, found)
		}
	}
}
