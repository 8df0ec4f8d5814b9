package plugintest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// good is a sender that keeps the contract, in as little code as that takes.
type good struct{}

type options struct{ URL, Token string }

func (good) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{
		Type: "good", Version: "1", Secrets: []string{"token"},
		Options: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["url","token"],
			"properties":{"url":{"type":"string","pattern":"^http"},"token":{"type":"string","minLength":8,"pattern":"^[!-~]*$"}}}`),
	}, nil
}

func read(raw json.RawMessage) (o options, faults []plugin.Fault) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil || keys == nil {
		return o, []plugin.Fault{{Message: "the options are no object"}}
	}
	into := map[string]*string{"url": &o.URL, "token": &o.Token}
	for key, value := range keys {
		if to, ok := into[key]; !ok {
			faults = append(faults, plugin.Fault{Path: key, Message: "is unknown"})
		} else if json.Unmarshal(value, to) != nil {
			faults = append(faults, plugin.Fault{Path: key, Message: "is not a text"})
		}
	}
	if !strings.HasPrefix(o.URL, "http") {
		faults = append(faults, plugin.Fault{Path: "url", Message: "is missing or not http"})
	}
	if len(o.Token) < 8 || strings.ContainsFunc(o.Token, func(r rune) bool { return r < '!' || r > '~' }) {
		faults = append(faults, plugin.Fault{Path: "token", Message: "is missing or not a token"})
	}
	return o, faults
}

func (good) Check(_ context.Context, c plugin.Check) (faults []plugin.Fault, err error) {
	if c.Options != nil {
		_, faults = read(c.Options)
	}
	for i := range faults {
		faults[i].Path = strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, faults[i].Path)
	}
	if c.Template != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTemplate, Message: "is not taken"})
	}
	if c.Title != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTitle, Message: "is not taken"})
	}
	return faults, nil
}

func (good) Render(_ context.Context, d plugin.Delivery) (plugin.Request, error) {
	o, faults := read(d.Options)
	if len(faults) > 0 {
		return plugin.Request{}, errors.New("bad options")
	}
	body, contentType := d.Message()
	return plugin.Request{Method: "POST", URL: o.URL, Headers: map[string]string{"Content-Type": contentType, "X-Token": "***"}, Body: string(body)}, nil
}

func client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (g good) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	if d.Egress.Restricted && len(d.Egress.Allow) == 0 {
		return plugin.Receipt{Scope: plugin.ScopeMisconfigured}, errors.New("egress denied")
	}
	return g.sendWith(ctx, d, client())
}

func (g good) sendWith(ctx context.Context, d plugin.Delivery, c *http.Client) (receipt plugin.Receipt, err error) {
	if receipt.Request, err = g.Render(ctx, d); err != nil {
		return receipt, err
	}
	o, _ := read(d.Options)
	body, contentType := d.Message()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL, bytes.NewReader(body))
	if err != nil {
		return receipt, plugin.Permanent(err)
	}
	r.Header = http.Header{"Content-Type": {contentType}, "X-Token": {o.Token}}
	response, err := c.Do(r)
	if err != nil {
		return receipt, errors.New("no answer")
	}
	defer response.Body.Close()
	reply, _ := io.ReadAll(io.LimitReader(response.Body, plugin.MaxReply))
	receipt.Status = response.StatusCode
	receipt.Reply = strings.ToValidUTF8(strings.ReplaceAll(string(reply), cmp.Or(o.Token, "-"), "***"), "")
	switch err := fmt.Errorf("the target answered %d", response.StatusCode); {
	case response.StatusCode < 300:
		return receipt, nil
	case response.StatusCode < 500 && response.StatusCode != 429:
		return receipt, plugin.Permanent(err)
	default:
		return receipt, err
	}
}
