// Command bellbuoy-sender-ntfy is a sender of bellbuoy's that publishes events to a topic
// of an ntfy server.
package main

import (
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/byhttp"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

func main() { serve.Main(map[string]plugin.Sender{"ntfy": ntfy()}) }

func ntfy() plugin.Sender {
	return byhttp.New(byhttp.Type{
		Name: "ntfy", Version: "1.0.0",
		Options: []byhttp.Option{
			{Name: "url", Doc: "the URL of the ntfy server", URL: true},
			{Name: "topic", Doc: "the topic to publish to"},
			{Name: "token", Doc: "an access token, where the topic needs one", Optional: true, Secret: true},
		},
		Request: request,
	})
}

func request(o byhttp.Options, m byhttp.Message) byhttp.Request {
	r := byhttp.Request{
		URL:  o["url"],
		JSON: map[string]any{"topic": o["topic"], "title": m.Title, "message": m.Text, "click": m.Link},
	}
	if o["token"] != "" {
		r.Header = map[string]string{"Authorization": "Bearer " + o["token"]}
	}
	return r
}
