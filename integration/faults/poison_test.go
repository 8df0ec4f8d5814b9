package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
	"github.com/bellbuoy/bellbuoy/integration/poster"
)

// sample is a request that a registry of some type posts.
type sample struct {
	event  string // of its path
	header http.Header
	body   []byte
}

// samples are the requests with which the translation of each type is tested.
func samples(t *testing.T) map[string][]sample {
	t.Helper()
	const root = "../../translator/testdata"
	all := map[string][]sample{}
	files, err := filepath.Glob(filepath.Join(root, "*", "*.[hj]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(file))
		switch filepath.Ext(file) {
		case ".jsonl":
			for line := range bytes.Lines(b) {
				all[name] = append(all[name], sample{body: line})
			}
		case ".http":
			head, body, _ := strings.Cut(string(b), "\n\n")
			line, rest, _ := strings.Cut(head, "\n")
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\n" + rest + "\r\n\r\n")))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			event := strings.Join(strings.Split(r.URL.Path, "/")[3:], "/")
			all[name] = append(all[name], sample{event: event, header: r.Header, body: []byte(body)})
		}
	}
	if len(all) < 7 {
		t.Fatalf("samples of %d types only", len(all))
	}
	return all
}

// odd are values that nobody expects where they are put.
var odd = []string{
	`null`, `true`, `-1`, `1e400`, `9223372036854775808`, `0.1`, `""`, `"\u0000"`, `"\ud800"`, `"` + "\xff" + `"`, `"\u202e"`, `[]`, `{}`, `[[[[]]]]`,
	`"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999999+23:59"`, `"sha256:"`, `"../../etc/passwd"`, `"{{.}}"`, `"<script>"`, `{"":{"":null}}`,
	`[null,null]`, `"` + strings.Repeat("a/", 5000) + `"`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
}

// poisoned is a sample that was spoiled in one to three places.
func poisoned(r *rand.Rand, s sample, others []sample) sample {
	b := bytes.Clone(s.body)
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			break
		}
		i := r.IntN(len(b))
		j := i + r.IntN(min(len(b)-i, 64)+1)
		switch r.IntN(8) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b = b[:i]
		case 2: // a piece is gone
			b = slices.Delete(b, i, j)
		case 3: // a piece is there twice
			b = slices.Insert(b, i, bytes.Clone(b[i:j])...)
		case 4: // a piece of another
			of := others[r.IntN(len(others))].body
			if len(of) > 0 {
				k := r.IntN(len(of))
				b = slices.Insert(b, i, of[k:min(len(of), k+r.IntN(64))]...)
			}
		case 5: // the body of another
			b = bytes.Clone(others[r.IntN(len(others))].body)
		default: // an odd value
			var v any
			if json.Unmarshal(b, &v) != nil {
				continue
			}
			marked, err := json.Marshal(replaced(r, v))
			if err != nil {
				continue
			}
			b = bytes.Replace(marked, []byte(`"`+mark+`"`), []byte(odd[r.IntN(len(odd))]), 1)
		}
	}
	s.body = b
	return s
}

// mark stands where an odd value is to be.
const mark = "an odd value"

// replaced is v with the mark somewhere within.
func replaced(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if keys := slices.Sorted(maps.Keys(v)); len(keys) > 0 && r.IntN(8) > 0 {
			key := keys[r.IntN(len(keys))]
			v[key] = replaced(r, v[key])
			return v
		}
	case []any:
		if len(v) > 0 && r.IntN(8) > 0 {
			i := r.IntN(len(v))
			v[i] = replaced(r, v[i])
			return v
		}
	}
	return mark
}

// Bodies that no registry sends come to registries of each type. Each is answered 202, and
// is stored or in quarantine then, or is refused as what is no notification; bellbuoy fails
// at none, and the event behind it is delivered.
func TestPoison(t *testing.T) {
	t.Parallel()
	bodies, random, all := faults.Scale(t, 500, 50_000), faults.Rand(t), samples(t)
	w := newEmptyWorld(t, built(t, build), "fast")
	w.receive("fast", answers["fast"])
	types := slices.Sorted(maps.Keys(all))
	registries := []any{map[string]any{"name": "hub", "type": "distribution"}}
	var others []sample
	for _, name := range types {
		registries = append(registries, map[string]any{"name": "of-" + name, "type": name})
		others = append(others, all[name]...)
	}
	w.write(registries, []any{w.target("fast")}, []any{map[string]any{
		"name": "all", "scope": map[string]any{"registries": []string{"hub"}}, "events": []string{"artifact.pushed"}, "deliver": []string{"fast"}}})
	t.Cleanup(w.sane)
	w.start()
	w.ready()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	good := &poster.Poster{URL: "http://" + w.config.Listen + "/in/hub", Client: client}
	var stored, repeated, quarantined, refused int
	for i := range bodies {
		name := types[i%len(types)]
		s := poisoned(random, all[name][random.IntN(len(all[name]))], others)
		status, answer, err := w.pour(client, "of-"+name, s)
		if err != nil {
			t.Fatalf("%s: %v; body %q", name, err, s.body)
		}
		var said struct {
			Accepted                []string
			Duplicates, Quarantined int
		}
		switch {
		case status == http.StatusAccepted && json.Unmarshal(answer, &said) == nil:
			stored, repeated, quarantined = stored+len(said.Accepted), repeated+said.Duplicates, quarantined+said.Quarantined
		case status/100 == 4:
			refused++
		default:
			t.Errorf("%s: answered %d %s; body %q", name, status, answer, s.body)
		}
		if i%10 == 9 && !w.post(good, fmt.Sprint("good-", i), fmt.Sprint("team/app-", i%3)) {
			return
		}
	}
	t.Logf("%d bodies: %d events stored, %d were there, %d bodies in quarantine, %d refused", bodies, stored, repeated, quarantined, refused)
	if stored == 0 || quarantined == 0 {
		t.Error("nothing is stored, or nothing is in quarantine: what was tested?")
	}
	tell(t, "between them", w.audit())
	w.stop()
	w.failedAtNone()
}

// failedAtNone checks that no body in quarantine is there because bellbuoy failed, once it
// has ended.
func (w *world) failedAtNone() {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.config.Store)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	err = each(db, `SELECT registry, reason, body FROM quarantine WHERE reason LIKE 'bellbuoy failed%'`, func(scan func(...any) error) error {
		var registry, reason string
		var body []byte
		err := scan(&registry, &reason, &body)
		w.t.Errorf("%s: %s; body %q", registry, reason, body)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// pour posts a sample to a registry.
func (w *world) pour(client *http.Client, registry string, s sample) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.config.Listen+"/in/"+registry, bytes.NewReader(s.body))
	if err != nil {
		return 0, nil, err
	}
	if s.event != "" {
		req.URL.Path += "/" + s.event
	}
	for key, values := range s.header {
		req.Header[key] = values
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// An event of 4 MiB comes in the middle of a stream of others of its repository. All are
// delivered, in their order.
func TestLargeEventInAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, built(t, build))
	w.start()
	w.ready()
	l := w.load(2, 5*time.Millisecond)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	p := w.poster(client)
	for i := range 20 {
		id := fmt.Sprint("stream-", i)
		body, err := poster.Envelope(id, "team/large", "latest", time.Now().UTC())
		if err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			body = bytes.Replace(body, []byte("builder"), bytes.Repeat([]byte("builder "), 4<<20/8), 1)
		}
		if !w.postBody(p, id, "team/large", body) {
			return
		}
	}
	w.more(l, 20)
	l.end()
	r := w.audit()
	tell(t, "around an event of 4 MiB", r)
	if len(r.Repeats) > 0 {
		t.Errorf("sent twice: %v", r.Repeats)
	}
}
