// Package lookup asks a registry for what its notifications leave out: what an artifact
// is. It reads by digest, so that an answer is right for ever, and kept.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
)

// Within is how long an answer is waited for, with all that is tried again meanwhile.
const Within = 2 * time.Second

// The bounds of what one registry may cost.
const (
	atOnce       = 8                // requests
	maxAnswer    = 4 << 20          // bytes of one answer; no registry takes a larger manifest
	maxKept      = 16 << 20         // bytes of answers in memory
	maxRedirects = 3                // of one request
	forgetAfter  = 10 * time.Second // a failure
	firstPause   = 100 * time.Millisecond
	keepAlive    = 30 * time.Second
)

// Options say which registry is asked, and as whom.
type Options struct {
	Registry string // its name, for the log
	URL      string // scheme, host and port
	Username string // "" asks as nobody
	Password string
	Version  string // of bellbuoy, for the user agent
	Log      *slog.Logger
	// Guard bounds where the registry may be; nil for one that the operator of the machine
	// wrote, which may be anywhere.
	Guard *Guard
}

// Guard says which addresses may be connected to, after names were resolved. Nothing goes
// through a proxy then, for which names would be resolved elsewhere.
type Guard struct {
	Control func(network, address string, c syscall.RawConn) error // as [net.Dialer.Control]
}

// Source is one registry that may be asked. It is safe for concurrent use.
type Source struct {
	read   read
	client *http.Client
	log    *slog.Logger

	ctx   context.Context // ends what is under way
	stop  context.CancelFunc
	work  sync.WaitGroup
	slots chan struct{}

	mu      sync.Mutex
	kept    kept
	failed  map[question]failure
	asked   map[question]*answer
	failing bool // was said in the log
}

// read makes one request. An error that is not [errFinal] may be gone the next time.
type read func(ctx context.Context, repository string, d digest.Digest) ([]byte, error)

type question struct{ repository, digest string }

// answer is what a question came to, once done is closed.
type answer struct {
	done chan struct{}
	body []byte
	err  error
}

type failure struct {
	err   error
	until time.Time
}

// errFinal marks an error that will not go away by asking again.
var errFinal = errors.New("it is not asked again")

func newSource(o Options, client *http.Client, r read) *Source {
	ctx, stop := context.WithCancel(context.Background())
	return &Source{
		read: r, client: client, log: o.Log.With("registry", o.Registry),
		ctx: ctx, stop: stop, slots: make(chan struct{}, atOnce),
		failed: map[question]failure{}, asked: map[question]*answer{},
	}
}

// Close ends what is under way and returns when it has ended. Whoever asks later gets an
// error, but for what is kept.
func (s *Source) Close() {
	s.mu.Lock()
	s.stop() // no work is added from here on
	s.mu.Unlock()
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// Known returns what the registry said of the artifact with that digest, if it was asked
// before and this is still in memory. It is not to be changed.
func (s *Source) Known(digest string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.get(digest)
}

// Read returns what the registry says of the artifact with that digest. It is not to be
// changed. While the registry does not answer, or does not have it (yet), it is asked
// again, for as long as [Within]; whoever asks the same meanwhile gets the same answer,
// and for some seconds afterwards the same error.
func (s *Source) Read(ctx context.Context, repository, digest string) ([]byte, error) {
	a, err := s.ask(question{repository, digest})
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return a.body, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for %s@%s: %w", repository, digest, ctx.Err())
	}
}

// ask returns the answer to q: one that is there, or under way, or one that is now.
func (s *Source) ask(q question) (*answer, error) {
	d, err := digest.Parse(q.digest)
	if err != nil || !repositoryPattern.MatchString(q.repository) || len(q.repository) > maxRepository {
		return nil, fmt.Errorf("ask for %.300q of repository %.300q: no registry has that", q.digest, q.repository)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if body, ok := s.kept.get(q.digest); ok {
		a := &answer{done: make(chan struct{}), body: body}
		close(a.done)
		return a, nil
	}
	if f, ok := s.failed[q]; ok && time.Now().Before(f.until) {
		return nil, f.err
	}
	if a, ok := s.asked[q]; ok {
		return a, nil
	}
	if err := s.ctx.Err(); err != nil {
		return nil, fmt.Errorf("ask for %s@%s: no more is asked: %w", q.repository, q.digest, err)
	}
	a := &answer{done: make(chan struct{})}
	s.asked[q] = a
	s.work.Go(func() {
		a.body, a.err = s.insist(q.repository, d)
		s.settle(q, a)
		close(a.done)
	})
	return a, nil
}

// What can be in a path; Distribution's grammar of a repository's name.
var repositoryPattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)

const maxRepository = 255

// insist asks until there is an answer or no hope.
func (s *Source) insist(repository string, d digest.Digest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, Within)
	defer cancel()
	var last error
	for pause := firstPause; ; pause *= 2 {
		body, err := s.once(ctx, repository, d)
		if err == nil || errors.Is(err, errFinal) {
			return body, err
		}
		if last == nil || ctx.Err() == nil {
			last = err // more telling than that the time is over
		}
		select {
		case <-ctx.Done():
			return nil, last
		case <-time.After(pause):
		}
	}
}

func (s *Source) once(ctx context.Context, repository string, d digest.Digest) ([]byte, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for %d requests before it: %w", atOnce, ctx.Err())
	}
	defer func() { <-s.slots }()
	return s.read(ctx, repository, d)
}

// settle keeps what came of q.
func (s *Source) settle(q question, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asked, q)
	if s.ctx.Err() != nil {
		return
	}
	now := time.Now()
	for old, f := range s.failed {
		if now.After(f.until) {
			delete(s.failed, old)
		}
	}
	if a.err != nil {
		s.failed[q] = failure{a.err, now.Add(forgetAfter)}
	} else {
		s.kept.put(q.digest, a.body)
	}
	absent := errors.Is(a.err, errAbsent) // says nothing of the registry
	if failing := a.err != nil; !absent && failing != s.failing {
		s.failing = failing
		if failing {
			s.log.Warn("the registry does not tell what its artifacts are; events are routed without it", "error", a.err)
		} else {
			s.log.Info("the registry tells again what its artifacts are")
		}
	}
}

// agent begins and ends the user agent of every request, whatever the version.
const (
	agentStart = "bellbuoy/"
	agentEnd   = " (lookup)"
)

func (o Options) userAgent() string { return agentStart + o.Version + agentEnd }

// Own reports whether a request with this user agent was made by a Source, of this
// bellbuoy or another. A registry notifies of our reads like of anyone's. Others can
// send the same.
func Own(userAgent string) bool {
	return strings.HasPrefix(userAgent, agentStart) && strings.HasSuffix(userAgent, agentEnd)
}

// base checks and splits the URL.
func (o Options) base() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("url of registry %s is not http(s)://HOST[:PORT]", o.Registry)
	}
	return u, nil
}

// newClient returns a client within the bounds above. It goes through the environment's
// proxy, trusts the system's certificates and does not follow from https to http.
func newClient(guard *Guard) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if guard != nil {
		t.Proxy = nil
		t.DialContext = (&net.Dialer{Timeout: Within, KeepAlive: keepAlive, Control: guard.Control}).DialContext
	}
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = atOnce, atOnce
	t.MaxResponseHeaderBytes = 64 << 10
	t.DisableCompression = true // a small answer could become a large one
	return &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("redirected more than %d times", maxRedirects)
		}
		if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return errors.New("redirected from https to http")
		}
		return nil
	}}
}

// errAbsent: the registry answers, and does not have it.
var errAbsent = errors.New("the registry does not have it")

// refused makes an error of an answer's status, which is not 200.
func refused(status int) error {
	switch {
	case status == http.StatusNotFound:
		return errAbsent
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("the registry answers %d: correct its credentials, or what they may read: %w", status, errFinal)
	case status == http.StatusTooManyRequests, status >= 500:
		return fmt.Errorf("the registry answers %d", status)
	}
	return fmt.Errorf("the registry answers %d: %w", status, errFinal)
}
