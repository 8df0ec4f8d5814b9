package main

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

// requestFlags say how a notification was posted.
type requestFlags struct {
	request     app.Request
	contentType string
	headers     []string
}

// addRequest adds the flags for a notification to cmd.
func addRequest(cmd *cobra.Command) *requestFlags {
	f := &requestFlags{}
	flags := cmd.Flags()
	flags.StringVar(&f.request.RegistryType, "registry-type", "", "`TYPE` of the registry that sent it, as in the config")
	complete(cmd, "registry-type", app.RegistryTypes()...)
	flags.StringVar(&f.request.Registry, "registry", "", "`NAME` of that registry in the config (default the type)")
	flags.StringVar(&f.request.Event, "event", "", "`NAME` of the event where the URL has it, as in /in/quay/build_start")
	flags.StringVar(&f.contentType, "content-type", "application/json", "content `TYPE` of the request")
	flags.StringArrayVar(&f.headers, "header", nil, "a header of the request, `'NAME: VALUE'`; may be repeated")
	return f
}

// read returns the request without its body. Errors are wrong use of cmd.
func (f *requestFlags) read(cmd *cobra.Command) (app.Request, error) {
	r := f.request
	if r.RegistryType == "" {
		return r, wrongUse(cmd, "--registry-type is missing: name the type of the registry that sent it")
	}
	if strings.ContainsAny(r.Registry+r.Event, "/?#% ") {
		return r, wrongUse(cmd, "--registry and --event are parts of a URL's path: leave out slashes, blanks and the like")
	}
	var err error
	if r.Header, err = parseHeaders(f.headers); err != nil {
		return r, wrongUse(cmd, "%w", err)
	}
	if r.Header.Get("Content-Type") == "" || cmd.Flags().Changed("content-type") {
		r.Header.Set("Content-Type", f.contentType)
	}
	return r, nil
}

// parseHeaders reads headers written as NAME: VALUE.
func parseHeaders(list []string) (http.Header, error) {
	h := http.Header{}
	for _, line := range list {
		name, value, ok := strings.Cut(line, ":")
		if !ok || textproto.TrimString(name) != name || strings.ContainsAny(name, " \t") || name == "" {
			return nil, fmt.Errorf("--header %q is no header: write 'NAME: VALUE'", line)
		}
		h.Add(name, textproto.TrimString(value))
	}
	return h, nil
}
