package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-retryablehttp"
)

// API is where a registry's API is, and how to ask it.
type API struct {
	URL string
	// Username is who asks, for Harbor.
	Username string
	// Secret returns the password or the token. It is called for each request, so that
	// one that was replaced meanwhile is found.
	Secret func() (string, error)
	// Authorities are certificates in PEM that are trusted beside the machine's.
	Authorities []byte
	UserAgent   string
	// Timeout is how long one request may take, 30 s where it is 0; Wait is the shortest
	// pause before a request is repeated, 1 s where it is 0.
	Timeout, Wait time.Duration
}

const (
	apiTimeout = 30 * time.Second
	apiWait    = time.Second
	maxWait    = 30 * time.Second // whatever the registry's Retry-After says
	maxTries   = 4
	maxReply   = 16 << 20
	maxQuote   = 300   // of what the registry says, in characters
	maxPages   = 1_000 // of one list
)

// fault says what an API's refusal means for what is to be done next.
type fault int

const (
	faultOther     fault = iota
	faultRefused         // the credentials are not taken, so nothing else will be
	faultForbidden       // these credentials may not do this
	faultMissing         // there is no such thing
	faultStale           // it was changed meanwhile: read again
	faultPerhaps         // whether it was done is not known: read again
)

// apiError is an answer that is none, with what to do about it.
type apiError struct {
	fault  fault
	status int // 0 where there was no answer
	text   string
}

func (e *apiError) Error() string { return e.text }

// faultOf is what err means; faultOther where it is no answer of an API.
func faultOf(err error) fault {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.fault
	}
	return faultOther
}

// caller asks the API of one registry.
type caller struct {
	who       string // "Harbor"
	base      string // without a slash at its end
	safe      *retryablehttp.Client
	once      *retryablehttp.Client
	timeout   time.Duration
	wait      time.Duration
	agent     string
	secret    func() (string, error)
	authorize func(r *http.Request, secret string)
	secrets   []string // that no message may hold
	// advice says what to do about a status, and "" where there is nothing to say.
	advice func(status int) string
}

// newCaller makes a caller of the API at a, below path.
func newCaller(who string, a API, path string, secrets []string) (*caller, error) {
	u, err := url.Parse(a.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("no http or https URL of %s: write one such as https://%s.example.com", who, strings.ToLower(who))
	}
	if u.User != nil {
		return nil, fmt.Errorf("the URL of %s holds credentials, which others can see there: leave them out of it", who)
	}
	c := &caller{who: who, agent: a.UserAgent, secret: a.Secret, secrets: secrets, timeout: a.Timeout, wait: a.Wait}
	if c.timeout == 0 {
		c.timeout = apiTimeout
	}
	if c.wait == 0 {
		c.wait = apiWait
	}
	c.base = strings.TrimSuffix(strings.TrimRight(a.URL, "/"), path) + path
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(a.Authorities) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(a.Authorities) {
			return nil, errors.New("the file of authorities holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	plain := &http.Client{
		Transport: transport,
		Timeout:   c.timeout,
		// To where a redirect leads, the credentials are not to go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.safe, c.once = c.client(plain, maxTries-1), c.client(plain, 0)
	return c, nil
}

// client makes one that tries again so often. What changes something is tried once:
// whether it was done is found out by reading.
func (c *caller) client(plain *http.Client, again int) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   plain,
		RetryWaitMin: c.wait,
		RetryWaitMax: maxWait,
		RetryMax:     again,
		CheckRetry:   retryablehttp.DefaultRetryPolicy,
		Backoff: func(least, most time.Duration, try int, r *http.Response) time.Duration {
			return min(most, retryablehttp.DefaultBackoff(least, most, try, r))
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

func (c *caller) close() { c.safe.HTTPClient.CloseIdleConnections() }

// do asks and reads the JSON of the answer into out, unless that is nil. Its errors hold
// no secret, and are an [apiError] where the registry, or nobody, answered.
func (c *caller) do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	var body any
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write what %s is asked: %w", c.who, err)
		}
		body = b
	}
	r, err := retryablehttp.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.who, err)
	}
	secret, err := c.secret()
	if err != nil {
		return nil, &apiError{fault: faultRefused, text: err.Error()}
	}
	c.authorize(r.Request, secret)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", c.agent)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	client := c.once
	if method == http.MethodGet {
		client = c.safe
	}
	response, err := client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &apiError{fault: faultPerhaps, text: c.clean(fmt.Sprintf("%s gives no answer: %s", c.who, c.unheard(err)), secret)}
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &apiError{fault: faultPerhaps, text: fmt.Sprintf("the answer of %s breaks off: %s", c.who, c.unheard(err))}
	case len(reply) > maxReply:
		return nil, &apiError{text: fmt.Sprintf("%s answers with more than %d MiB: ask another URL", c.who, maxReply>>20)}
	}
	if err := c.refusal(response, method, path, reply, secret); err != nil {
		return nil, err
	}
	if out == nil && mediaType(response.Header) != "text/html" {
		return response.Header, nil
	}
	if out == nil || json.Unmarshal(reply, out) != nil {
		return nil, &apiError{status: response.StatusCode, text: fmt.Sprintf("%s answers %d with %s and not with its API's JSON: see that the URL is that of %s itself, and that no login page of a proxy stands before it",
			c.at(method, path), response.StatusCode, c.clean(mediaType(response.Header), secret), c.who)}
	}
	return response.Header, nil
}

// endless is said of a list that has no end.
func (c *caller) endless(what string) error {
	return &apiError{text: fmt.Sprintf("%s gives more than %d pages of %s: see that the URL is that of %s itself", c.who, maxPages, what, c.who)}
}

func (c *caller) at(method, path string) string {
	return c.who + ", asked to " + method + " " + path + ","
}

// refusal is what is wrong with a response, nil where nothing is.
func (c *caller) refusal(r *http.Response, method, path string, reply []byte, secret string) error {
	e := &apiError{status: r.StatusCode}
	switch s := r.StatusCode; {
	case s >= 200 && s < 300:
		return nil
	case s >= 300 && s < 400:
		to := "nowhere"
		if u, err := r.Location(); err == nil {
			to = u.Scheme + "://" + u.Host
		}
		e.text = fmt.Sprintf("%s redirects to %s, where credentials are not sent: name that URL if it is %s", c.at(method, path), to, c.who)
		e.text = c.clean(e.text, secret)
		return e
	case s == http.StatusUnauthorized:
		e.fault = faultRefused
	case s == http.StatusForbidden:
		e.fault = faultForbidden
	case s == http.StatusNotFound:
		e.fault = faultMissing
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		e.fault = faultStale
	case s == http.StatusTooManyRequests, s >= 500:
		e.fault = faultPerhaps
	}
	e.text = fmt.Sprintf("%s answers %d", c.at(method, path), r.StatusCode)
	if said := c.clean(saying(r.Header, reply), secret); said != "" {
		e.text += fmt.Sprintf(" (%s)", said)
	}
	if what := c.advice(r.StatusCode); what != "" {
		e.text += ": " + what
	}
	return e
}

// saying is what a refusal says of itself: in Harbor's JSON, in Quay's, else as it is
// where it is plain text.
func saying(h http.Header, reply []byte) string {
	var said struct {
		Errors []struct{ Code, Message string }
		Detail string
		Error  string `json:"error_message"`
	}
	if json.Unmarshal(reply, &said) == nil {
		var parts []string
		for _, e := range said.Errors {
			parts = append(parts, strings.Trim(e.Code+": "+e.Message, ": "))
		}
		if len(parts) > 0 {
			return strings.Join(parts, "; ")
		}
		if said.Detail != "" {
			return said.Detail
		}
		return said.Error
	}
	if mediaType(h) == "text/plain" {
		return string(reply)
	}
	return ""
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || t == "" {
		return "no content type"
	}
	return t
}

// clean makes s fit to be shown: without secrets, on one line, not for ever.
func (c *caller) clean(s string, more ...string) string {
	for _, secret := range append(more, c.secrets...) {
		if secret == "" {
			continue
		}
		s = strings.ReplaceAll(s, secret, "***")
		s = strings.ReplaceAll(s, url.PathEscape(secret), "***")
		if quoted := strconv.Quote(secret); len(quoted) > 2 {
			s = strings.ReplaceAll(s, quoted[1:len(quoted)-1], "***")
		}
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxQuote {
		s = string(runes[:maxQuote]) + "…"
	}
	return s
}

// unheard says why there was no answer. It names no port of this side, so that the same
// reason is the same text.
func (c *caller) unheard(err error) string {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fmt.Sprintf("nothing came within %s: see that it is up, and that %s is reached from here", c.timeout, c.base)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Sprintf("host %s is not known: correct the URL", dns.Name)
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return "its certificate is of an authority that this machine does not trust: name that authority's certificate with --ca-file"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = fmt.Errorf("%s: %w", e.Op, e.Err)
	} else if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Sprintf("%v: see that it is up at %s", err, c.base)
}
