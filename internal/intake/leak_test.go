package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// buffer is a log that may be written to by several.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Each secret is shown in its own place and in those where proxies repeat it; afterwards
// none of them is in an answer, a trace, the quarantine, the log or the store's files.
func TestNoSecretIsKept(t *testing.T) {
	canaries := map[string]string{}
	for _, kind := range []string{"bearer", "basic", "header", "path"} {
		canaries[kind] = "canary-of-" + kind + "+5ecret"
	}
	encoded := base64.StdEncoding.EncodeToString([]byte("quay:" + canaries["basic"]))
	p := guarded(t, distribution.Adapter{}, map[string][]Credential{"hub": {
		Bearer(canaries["bearer"]), Basic("quay", canaries["basic"]), Header("X-Token", canaries["header"]), PathSecret(canaries["path"]),
	}})
	path := temp(t)
	st := openStore(t, path)
	log := &buffer{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h, err := New(t.Context(), st, p, logger)
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, h, func(srv *http.Server) { srv.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug) })
	l := caller{house{h, "http://" + addr}, addr}

	inPath := "/in/hub/-/" + canaries["path"]
	ways := []struct {
		path    string
		headers []string
	}{
		{"/in/hub", []string{"Authorization", "Bearer " + canaries["bearer"]}},
		{"/in/hub/push", []string{"Authorization", "Basic " + encoded}},
		{"/in/hub", []string{"X-Token", canaries["header"]}},
		{inPath, nil},
		{inPath + "/push?x=1", nil},
		{inPath + "/push", []string{
			"Referer", "http://bellbuoy" + inPath, "X-Original-Url", strings.ReplaceAll(inPath, "+", "%2B"), "X-Forwarded-Uri", inPath,
			"X-Forwarded-Authorization", "Basic " + encoded, "X-Api-Key", canaries["bearer"], "Cookie", "s=" + canaries["header"],
			"X-Auth", "token " + canaries["header"], "Forwarded", `for=x;by="` + canaries["basic"] + `"`,
		}},
	}
	var answers []string
	for i, way := range ways {
		// A wrong shape, for the quarantine, and an event without an id, of which
		// something is remembered.
		for _, body := range []string{envelope(push(fmt.Sprint(i), "a/b")), envelope(push("", "a/b")), fmt.Sprintf(`{"n":%d}`, i)} {
			g := l.do(t, "POST", way.path, body, way.headers...)
			accepted(t, g)
			answers = append(answers, g.body+fmt.Sprint(g.header))
		}
		// What is refused: no such path, method, registry, encoding, size; a panic.
		for _, refused := range []string{"/more/and/more", "/"} {
			g := l.do(t, "PUT", way.path+refused, "{}", way.headers...)
			answers = append(answers, g.body+fmt.Sprint(g.header))
		}
		g := l.do(t, "POST", strings.Replace(way.path, "/hub", "/nub", 1), "{}", way.headers...)
		answers = append(answers, g.body+fmt.Sprint(g.header))
	}
	for _, raw := range []string{
		"POST " + inPath + " HTTP/9.9\r\n\r\n", "POST " + inPath + "\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST " + inPath + " HTTP/1.1\r\nHost: x\r\nX-Token : " + canaries["header"] + "\r\n\r\n",
		"POST " + inPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n",
		"POST " + inPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nshort",
	} {
		b, err := io.ReadAll(dial(t, addr, raw))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, string(b))
	}
	l.hangUp(t, inPath, envelope(push("hang", "a/b")), true)
	broken := p
	reg := broken.Registries["hub"]
	reg.Translate = nil // a fault of ours: it panics
	broken.Registries = map[string]Registry{"hub": reg}
	if err := h.Use(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	accepted(t, l.do(t, "POST", inPath, envelope(push("panic", "a/b"))))

	shown := map[string]string{"answers": strings.Join(answers, "\n"), "log": log.String(), "plan": fmt.Sprintf("%+v %#v", p, p)}
	for _, e := range l.events(t) {
		b, err := json.Marshal(l.trace(t, e.ID))
		if err != nil {
			t.Fatal(err)
		}
		shown["traces"] += string(b)
	}
	list, err := st.Quarantine(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		q, err := st.Quarantined(t.Context(), one.ID)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		shown["quarantine"] += string(b)
	}
	if !strings.Contains(shown["log"], "fault in bellbuoy") || len(list) != len(ways)+2 || !strings.Contains(shown["traces"], "Go-http-client") {
		t.Fatalf("not all was tried: %d in quarantine, log:\n%s", len(list), shown["log"])
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files of the store: %q, %v, want its log, too", files, err)
	}
	read := func(when string) {
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			shown[filepath.Base(f)+when] = string(b)
		}
	}
	read(" while open")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	read(" when closed")
	if !strings.Contains(shown["bellbuoy.db when closed"], "Go-http-client") {
		t.Fatal("the store's file does not show what is in it")
	}
	canaries["basic, encoded"] = encoded
	for kind, canary := range canaries {
		for _, form := range []string{canary, url.QueryEscape(canary), base64.StdEncoding.EncodeToString([]byte(canary))} {
			for where, text := range shown {
				if i := strings.Index(text, form); i >= 0 {
					t.Errorf("%s: the secret of %s is shown: %q", where, kind, text[max(0, i-60):min(len(text), i+60)])
				}
			}
		}
	}
}

func TestIdenticalBodiesInQuarantine(t *testing.T) {
	h := newHouse(t, plan(t))
	for _, body := range []string{"x", "x", "y", "", "", "x"} {
		if a := accepted(t, h.post(t, "/in/hub", body)); a.Quarantined != 1 {
			t.Errorf("answer to %q = %+v", body, a)
		}
	}
	accepted(t, h.post(t, "/in/open", "x"))
	list, err := h.store.Quarantine(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, one := range list {
		q, err := h.store.Quarantined(t.Context(), one.ID)
		if err != nil {
			t.Fatal(err)
		}
		counts[q.Registry+":"+string(q.Body)] = q.Count
	}
	for body, n := range map[string]int{"hub:x": 3, "hub:y": 1, "hub:": 2, "open:x": 1} {
		if counts[body] != n {
			t.Errorf("%s came %d times, want %d", body, counts[body], n)
		}
	}
}

// An adapter may find that a body says nothing, as Harbor's test of an endpoint does.
func TestNothingSaid(t *testing.T) {
	h := newHouse(t, plan(t))
	if g := h.post(t, "/in/hub", envelope()); g.status != http.StatusAccepted || strings.TrimSpace(g.body) != `{"accepted":[],"duplicates":0,"quarantined":0}` {
		t.Errorf("answer = %d %s", g.status, g.body)
	}
	if list, err := h.store.Quarantine(t.Context(), 1); err != nil || len(list) != 0 {
		t.Errorf("%d in quarantine, %v", len(list), err)
	}
	if list, err := h.store.Events(t.Context(), store.Query{}); err != nil || len(list) != 0 {
		t.Errorf("%d events, %v", len(list), err)
	}
}
