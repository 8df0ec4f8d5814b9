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
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && timeout.Timeout() {
		return "", fmt.Errorf("send to %s: no answer in time: %w", host, err)
	}
	return "", fmt.Errorf("send to %s: %w", host, err)
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
