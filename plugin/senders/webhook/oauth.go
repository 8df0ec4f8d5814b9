package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// oauth gets tokens by client credentials (RFC 6749, 4.4).
type oauth struct {
	url      *url.URL
	id       string
	secret   string
	scopes   []string
	inParams atomic.Bool // the server wants id and secret in the form, not in a header

	token kept[token]
}

type token struct{ value string }

// get returns a token that is kept, or a new one; fresh says which. A failure to get one
// says nothing of the message, so that it is tried again, whatever the server answered.
func (o *oauth) get(ctx context.Context, client *http.Client, mask *post.Mask) (t *token, fresh bool, scope plugin.Scope, err error) {
	t, fresh, err = o.token.get(ctx, func(ctx context.Context) (*token, time.Time, error) {
		return o.ask(ctx, client)
	})
	if err == nil {
		return t, fresh, "", nil
	}
	scope, err = o.explain(ctx, err, mask)
	return nil, false, scope, err
}

// ask asks the server: with id and secret in the header, as servers must support, and in
// the form where it does not.
func (o *oauth) ask(ctx context.Context, client *http.Client) (*token, time.Time, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	c := clientcredentials.Config{
		ClientID: o.id, ClientSecret: o.secret, TokenURL: o.url.String(), Scopes: o.scopes, AuthStyle: oauth2.AuthStyleInHeader,
	}
	if o.inParams.Load() {
		c.AuthStyle = oauth2.AuthStyleInParams
	}
	got, err := c.Token(ctx)
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if ok && c.AuthStyle == oauth2.AuthStyleInHeader && (refused.Response.StatusCode == 400 || refused.Response.StatusCode == 401) {
		c.AuthStyle = oauth2.AuthStyleInParams
		second, secondErr := c.Token(ctx)
		if secondErr == nil {
			o.inParams.Store(true)
			got, err = second, nil
		}
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	if !strings.EqualFold(got.Type(), "Bearer") || options.Plain(got.AccessToken) != "" {
		return nil, time.Time{}, errNoBearer
	}
	until := got.Expiry
	if !until.IsZero() {
		until = until.Add(-min(time.Until(until)/4, 30*time.Second))
	}
	return &token{got.AccessToken}, until, nil
}

var errNoBearer = errors.New("what it answered is no bearer token")

// explain says what it means that there is no token.
func (o *oauth) explain(ctx context.Context, err error, mask *post.Mask) (plugin.Scope, error) {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		scope, err := post.Explain(ctx, o.url.Host, wrapped)
		return scope, fmt.Errorf("get a token: %s", mask.Text(err.Error()))
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if ctx.Err() != nil {
			return "", fmt.Errorf("get a token from %s: %w", o.url.Host, ctx.Err())
		}
		return plugin.ScopeMisconfigured, fmt.Errorf("get a token from %s: %s", o.url.Host, mask.Text(strings.TrimPrefix(err.Error(), "oauth2: ")))
	}
	status := refused.Response.StatusCode
	text := fmt.Sprintf("get a token from %s: it answered %d %s", o.url.Host, status, http.StatusText(status))
	if refused.ErrorCode != "" {
		text += ": " + refused.ErrorCode
	}
	if refused.ErrorDescription != "" {
		text += ": " + refused.ErrorDescription
	}
	if status >= 300 && status <= 399 {
		text += ": redirects are not followed"
	}
	err = errors.New(strings.ToValidUTF8(mask.Text(text[:min(len(text), 1024)]), "\uFFFD"))
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		if after, ok := post.RetryAfter(refused.Response.Header, time.Now()); ok {
			return "", plugin.RetryAfter(err, after)
		}
		return "", err
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		refused.ErrorCode == "temporarily_unavailable", refused.ErrorCode == "server_error":
		return "", err
	}
	return plugin.ScopeMisconfigured, err
}
