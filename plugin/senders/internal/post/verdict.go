package post

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// ByStatus judges a reply by its status alone, as HTTP has it: the status line decides,
// whatever becomes of the body behind it. It is a [Judge]. 2xx is delivered; 408, 425 and
// 5xx are tried again, 503 not before its Retry-After; 429 stops the target until its
// Retry-After; 410 says that the target is gone; all else is final, redirects too.
func ByStatus(r Reply) (plugin.Scope, error) {
	status, header, now := r.Status, r.Header, r.At
	if status >= 200 && status <= 299 {
		return "", nil
	}
	err := fmt.Errorf("the target answered %d %s", status, http.StatusText(status))
	if http.StatusText(status) == "" {
		err = fmt.Errorf("the target answered %d", status)
	}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return "", err
	case status == http.StatusTooManyRequests:
		until := time.Time{}
		if after, ok := RetryAfter(header, now); ok {
			until = now.Add(after)
		}
		return "", plugin.Throttled(err, until)
	case status == http.StatusServiceUnavailable:
		if after, ok := RetryAfter(header, now); ok {
			return "", plugin.RetryAfter(err, after)
		}
		return "", err
	case status == http.StatusGone:
		return plugin.ScopeTargetGone, plugin.Permanent(err)
	case status >= 300 && status <= 399:
		return "", plugin.Permanent(fmt.Errorf("%w: redirects are not followed, give the URL that it leads to", err))
	case status >= 400 && status <= 499:
		return "", plugin.Permanent(err)
	}
	return "", err // 5xx, and what is no status of HTTP
}

// RetryAfter reads the header in its two forms, seconds or a date. What cannot be
// read or lies in the past is as if it were not there; more than a year is a year.
func RetryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	const year = 365 * 24 * time.Hour
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(year/time.Second) {
			return year, true
		}
		return time.Duration(seconds) * time.Second, seconds > 0
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	after := min(at.Sub(now), year)
	return after, after > 0
}

// explain says what a failed exchange means, in words without the URL. All of these
// are tried again; some say that the target's options are wrong.
func explain(ctx context.Context, host string, err error) (plugin.Scope, error) {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the wrapper repeats the URL
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return plugin.ScopeMisconfigured, fmt.Errorf("send to %s: there is no such host", host)
	}
	if errors.Is(err, egress.ErrDenied) {
		return plugin.ScopeMisconfigured, fmt.Errorf("send to %s: %w", host, err)
	}
	if badCertificate(err) {
		return plugin.ScopeMisconfigured, fmt.Errorf("send to %s: its certificate is not accepted: %w", host, err)
	}
	if scope, words := handshake(err); words != "" {
		return scope, fmt.Errorf("send to %s: %s: %w", host, words, err)
	}
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && timeout.Timeout() {
		return "", fmt.Errorf("send to %s: no answer in time: %w", host, err)
	}
	return "", fmt.Errorf("send to %s: %w", host, err)
}

// handshake says in plain words what a TLS handshake failed of, and whom that is about; ""
// where it did not. What the other side thought it says by an alert, which has no type.
func handshake(err error) (plugin.Scope, string) {
	const (
		old      = "it speaks no TLS of 1.2 or later"
		refusing = "it does not accept the client certificate"
	)
	text := err.Error()
	if strings.Contains(text, "tls: server selected unsupported protocol version") {
		return plugin.ScopeMisconfigured, old
	}
	if strings.HasSuffix(text, "Proxy Authentication Required") {
		return plugin.ScopeMisconfigured, "the proxy asks for other credentials"
	}
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "remote error" {
		return "", ""
	}
	_, alert, _ := strings.Cut(text, "remote error: tls: ")
	switch alert {
	case "protocol version not supported":
		return plugin.ScopeMisconfigured, old
	case "certificate required":
		return plugin.ScopeMisconfigured, "it demands a client certificate"
	case "bad certificate": // before TLS 1.3 the same for one that is missing
		return plugin.ScopeMisconfigured, "it demands a client certificate, or does not accept the one shown"
	case "unknown certificate authority", "unsupported certificate", "revoked certificate", "expired certificate", "unknown certificate", "access denied":
		return plugin.ScopeMisconfigured, refusing
	case "handshake failure":
		return plugin.ScopeMisconfigured, "it agrees to no TLS handshake, for want of a common cipher or of a client certificate"
	}
	return "", ""
}

func badCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}
