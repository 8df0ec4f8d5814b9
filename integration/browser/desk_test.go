// Package browser_test looks at the console as people do: with Chromium, at a bellbuoy that
// runs in a process of its own.
package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// patience bounds every wait: it is reached only where something is broken.
const patience = time.Minute

// home is the folder of the program under test, from TestMain on.
var home string

var program = sync.OnceValues(func() (string, error) {
	return sidecar.Build(context.Background(), "../..", home, raced)
})

func TestMain(m *testing.M) {
	var err error
	if home, err = os.MkdirTemp("", "bellbuoy-browser-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(home)
	os.Exit(status)
}

// chromium is the browser's program, or the test ends: skipped where it need not be there.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "there is no Chromium: on Debian, apt-get install chromium"
	if os.Getenv("BELLBUOY_TEST_REQUIRE") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// desk is a bellbuoy, and somebody who looks at its console.
type desk struct {
	t     *testing.T
	ctx   context.Context // of the tab
	admin string          // URL of the console
	in    string          // URL of the intake

	mu    sync.Mutex
	wrong []string // what the browser's console complained of
}

// sit starts bellbuoy with what config says besides its addresses and store, and a browser.
func sit(t *testing.T, config string) *desk {
	t.Helper()
	return sitWith(t, config, "")
}

// sitWith is sit with lines below the configuration's key admin.
func sitWith(t *testing.T, config, admin string) *desk {
	t.Helper()
	path := chromium(t)
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}
	for _, to := range []*string{&c.Listen, &c.Admin} {
		if *to, err = loopback.Address(); err != nil {
			t.Fatal(err)
		}
	}
	config = fmt.Sprintf("listen: %s\nstore: %s\nadmin:\n  listen: %s\n%s", c.Listen, c.Store, c.Admin, admin) + config
	if err := os.WriteFile(c.Path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	life, err := sidecar.Start(bin, c, filepath.Join(dir, "bellbuoy.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		life.Kill()
		if t.Failed() {
			t.Log(life.Log())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	if err := life.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, admin: "http://" + c.Admin, in: "http://" + c.Listen}
	d.browse(path, dir)
	return d
}

// browse opens a tab, in which nothing may go wrong.
func (d *desk) browse(path, dir string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(dir, "profile")))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	d.t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	d.t.Cleanup(cancel)
	said := chromedp.Console(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for m, err := range said {
			if err != nil {
				return // the tab is closed
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				d.complain(m.String())
			}
		}
	})
	d.ctx = ctx
	d.do(chromedp.EmulateViewport(1280, 900))
	d.t.Cleanup(func() {
		cancel()
		listening.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, w := range d.wrong {
			d.t.Errorf("the browser complains: %s", w)
		}
	})
}

func (d *desk) complain(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, what)
}

// expected takes back complaints in which text is, of which one comes.
func (d *desk) expected(text string) {
	d.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if d.takeBack(text) {
			return
		}
	}
	d.t.Errorf("the browser did not complain of %q", text)
}

func (d *desk) takeBack(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.wrong)
	d.wrong = slices.DeleteFunc(d.wrong, func(w string) bool { return strings.Contains(w, text) })
	return len(d.wrong) < before
}

func (d *desk) do(actions ...chromedp.Action[chromedp.Void]) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		d.fail("%v", err)
	}
}

// fail ends the test, and says what the page says.
func (d *desk) fail(format string, args ...any) {
	d.t.Helper()
	at, _ := chromedp.Run(d.ctx, chromedp.Location())
	body, _ := chromedp.Run(d.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	d.t.Fatalf("%s\nat %s:\n%s", fmt.Sprintf(format, args...), at, body)
}

// open shows a page of the console.
func (d *desk) open(path string) {
	d.t.Helper()
	d.do(chromedp.Navigate(d.admin+path), chromedp.WaitReady("main"))
}

// eval has the page compute something.
func eval[T any](d *desk, script string) T {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		d.fail("%s: %v", script, err)
	}
	return v
}

// text is what the page says.
func (d *desk) text() string {
	d.t.Helper()
	return eval[string](d, "document.body.innerText")
}

// wants waits until the page says something, whatever is loaded meanwhile.
func (d *desk) wants(text string) {
	d.t.Helper()
	d.until(fmt.Sprintf("document.body.innerText.includes(%s)", quote(text)), "the page never says %q", text)
}

// until waits until an expression holds, over pages that are loaded meanwhile.
func (d *desk) until(holds, format string, args ...any) {
	d.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		if yes, err := chromedp.Run(d.ctx, chromedp.Evaluate[bool](holds)); err == nil && yes {
			return
		}
	}
	d.fail(format, args...)
}

// lacks fails where the page says something.
func (d *desk) lacks(text string) {
	d.t.Helper()
	if s := d.text(); strings.Contains(s, text) {
		d.t.Errorf("the page says %q:\n%s", text, s)
	}
}

// press clicks on the button, link, label or summary that says text.
func (d *desk) press(text string) {
	d.t.Helper()
	d.do(chromedp.Click(chromedp.Search(fmt.Sprintf(`//*[self::button or self::a or self::summary or self::label][normalize-space(.)=%s]`, quote(text))), chromedp.NodeVisible))
}

// leave presses what leads to another page, and waits for that.
func (d *desk) leave(text string) {
	d.t.Helper()
	eval[bool](d, "window.left = true")
	d.press(text)
	d.until("window.left !== true && document.readyState === 'complete'", "%q leads nowhere", text)
}

// shot keeps a picture of the whole page with the test's artifacts.
func (d *desk) shot(name string) {
	d.t.Helper()
	png, err := chromedp.Run(d.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(d.t.ArtifactDir(), name+".png"), png, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// dark has the browser prefer dark pages, or light ones.
func (d *desk) dark(on bool) {
	d.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[on]
	d.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return chromedp.Void{}, err
	})
}

// wide makes the window so many pixels wide.
func (d *desk) wide(n int64) {
	d.t.Helper()
	d.do(chromedp.EmulateViewport(n, 900))
}

// push posts what a Distribution registry does for a push.
func (d *desk) push(repository, tag string) {
	d.t.Helper()
	body, err := poster.Envelope(fmt.Sprintf("%s-%s-%d", repository, tag, time.Now().UnixNano()), repository, tag, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	d.post("/in/distribution", "application/vnd.docker.distribution.events.v2+json", string(body))
}

// post posts to the intake.
func (d *desk) post(path, kind, body string) {
	d.t.Helper()
	resp, err := http.Post(d.in+path, kind, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		d.t.Fatalf("post to %s: %s", path, resp.Status)
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
