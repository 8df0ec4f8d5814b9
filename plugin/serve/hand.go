package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Exit statuses of a sender that is started by hand.
const (
	exitDone   = 0
	exitFailed = 1 // it said no: the attempt failed, or the call did
	exitUsage  = 2 // wrong use, or options that are wrong
	exitInput  = 3 // a file that could not be read
)

const usage = `This is a sender of bellbuoy's, which starts it for targets of its type and talks to
it over a private connection. Started by hand it does one thing and prints JSON:

  %[1]s describe                            what it is
  %[1]s check  --options F                  what is wrong with a target's options
  %[1]s render --options F --event F        the request that send would make
  %[1]s send   --options F --event F        one attempt, for real

F is a file of JSON; "-" is standard input, for one of them. The options are those of a
target, secrets in clear. An event is one line of "bellbuoy translate".

`

// hand is what the flags of a sender that is started by hand say.
type hand struct {
	typ, options, body, contentType, template, title, id, target string
	events                                                       files
	attempt                                                      int
	timeout                                                      time.Duration
}

// files is a flag that may be given more than once.
type files []string

func (f *files) String() string     { return strings.Join(*f, ", ") }
func (f *files) Set(s string) error { *f = append(*f, s); return nil }

// usageError is wrong use, for which the way to use it is shown.
type usageError struct{ error }

// inputError is a file that could not be read.
type inputError struct{ error }

// ByHand does one call of a sender for somebody at a terminal, without a host: describe,
// check, render or send, as args say, with options and event from files or stdin. It
// prints the answer to stdout as JSON, what went wrong to stderr, and returns the exit
// status: 0 where it is well, 1 where the call or the attempt failed, 2 for wrong use and
// options that have faults, 3 where a file could not be read. Name is how the program
// is called in what it says of its use.
//
// A send is made for real, once, whatever its verdict.
func ByHand(ctx context.Context, senders map[string]plugin.Sender, name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var h hand
	fs.StringVar(&h.typ, "type", "", "the target `type`, where the program serves several")
	fs.StringVar(&h.options, "options", "", "`file` of a target's options; without it they are {}")
	fs.Var(&h.events, "event", "`file` of an event; for check any number of them")
	fs.StringVar(&h.body, "body", "", "`file` of a message that the host would have rendered")
	fs.StringVar(&h.contentType, "content-type", "application/json", "media `type` of the body")
	fs.StringVar(&h.template, "template", "", "`text` template of the message")
	fs.StringVar(&h.title, "title", "", "`text` template of its title")
	fs.StringVar(&h.id, "id", "by-hand", "`id` of the delivery")
	fs.StringVar(&h.target, "target", "by-hand", "`name` of the target")
	fs.IntVar(&h.attempt, "attempt", 1, "`number` of the attempt")
	fs.DurationVar(&h.timeout, "timeout", 15*time.Second, "`time` for the call")

	verb, err := "", error(usageError{errors.New("")})
	if len(args) > 0 {
		verb = args[0]
		if err = fs.Parse(args[1:]); err != nil {
			err = usageError{err}
		} else {
			err = h.do(ctx, senders, verb, fs.Args(), stdin, stdout)
		}
	}
	var use usageError
	var input inputError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFaults):
		return exitUsage
	case errors.Is(err, errNotDelivered):
		return exitFailed
	case errors.As(err, &use):
		if asked := errors.Is(err, flag.ErrHelp) || verb == "help" || verb == "--help" || verb == "-h"; err.Error() != "" && !asked {
			fmt.Fprintf(stderr, "%s: %v\n\n", name, err)
		}
		fmt.Fprintf(stderr, usage, name)
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return exitUsage
	case errors.As(err, &input):
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitInput
	}
	fmt.Fprintf(stderr, "%s: %s: %v\n", name, verb, err)
	return exitFailed
}

var (
	errFaults       = errors.New("there are faults")
	errNotDelivered = errors.New("the attempt failed")
)

func (h *hand) do(ctx context.Context, senders map[string]plugin.Sender, verb string, rest []string, stdin io.Reader, stdout io.Writer) error {
	if len(rest) > 0 {
		return usageError{fmt.Errorf("%q is one too many: files are named by flags", rest[0])}
	}
	calls := map[string]func(context.Context, plugin.Sender, *reader) (any, error){
		"describe": h.describe, "check": h.check, "render": h.render, "send": h.send,
	}
	call, ok := calls[verb]
	if !ok {
		return usageError{fmt.Errorf("there is no %q: there are describe, check, render and send", verb)}
	}
	types := slices.Sorted(maps.Keys(senders))
	if h.typ == "" && len(types) == 1 {
		h.typ = types[0]
	}
	sender, ok := senders[h.typ]
	if !ok {
		return usageError{fmt.Errorf("name the sender by --type: there are %s", strings.Join(types, ", "))}
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	answer, err := call(ctx, sender, &reader{stdin: stdin})
	if answer != nil {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = errors.Join(err, enc.Encode(answer))
	}
	return err
}

func (h *hand) describe(ctx context.Context, s plugin.Sender, _ *reader) (any, error) {
	d, err := s.Describe(ctx)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (h *hand) check(ctx context.Context, s plugin.Sender, r *reader) (any, error) {
	c := plugin.Check{Template: h.template, Title: h.title}
	var err error
	if c.Options, err = r.object(h.options); err != nil {
		return nil, err
	}
	for _, file := range h.events {
		sample, err := r.event(file)
		if err != nil {
			return nil, err
		}
		c.Samples = append(c.Samples, sample)
	}
	faults, err := s.Check(ctx, c)
	if err != nil {
		return nil, err
	}
	if plugin.Failed(faults) {
		err = errFaults
	}
	return struct {
		Faults []plugin.Fault `json:"faults"`
	}{append([]plugin.Fault{}, faults...)}, err
}

func (h *hand) render(ctx context.Context, s plugin.Sender, r *reader) (any, error) {
	d, err := h.delivery(r)
	if err != nil {
		return nil, err
	}
	request, err := s.Render(ctx, d)
	if err != nil {
		return nil, err
	}
	return request, nil
}

// attempt is what became of a send by hand.
type attempt struct {
	Outcome plugin.Outcome `json:"outcome"`
	Error   string         `json:"error,omitempty"`
	After   string         `json:"after,omitempty"` // not before that long from now
	Until   *time.Time     `json:"until,omitempty"`
	Latency string         `json:"latency"`
	Receipt plugin.Receipt `json:"receipt"`
	Resume  []byte         `json:"resume,omitempty"` // base64
}

func (h *hand) send(ctx context.Context, s plugin.Sender, r *reader) (any, error) {
	d, err := h.delivery(r)
	if err != nil {
		return nil, err
	}
	receipt, err := s.Send(ctx, d)
	v := plugin.ReadVerdict(err)
	a := attempt{Outcome: v.Outcome, Receipt: receipt, Resume: receipt.Resume, Latency: receipt.Latency.String()}
	if v.After > 0 {
		a.After = v.After.String()
	}
	if !v.Until.IsZero() {
		a.Until = &v.Until
	}
	if err != nil {
		a.Error, err = err.Error(), errNotDelivered
	}
	return a, err
}

func (h *hand) delivery(r *reader) (plugin.Delivery, error) {
	d := plugin.Delivery{ID: h.id, Attempt: h.attempt, Target: h.target, Type: h.typ, Template: h.template, Title: h.title}
	if len(h.events) != 1 {
		return d, usageError{fmt.Errorf("want one --event, not %d", len(h.events))}
	}
	var err error
	if d.Options, err = r.object(h.options); err != nil {
		return d, err
	}
	if d.Event, err = r.event(h.events[0]); err != nil {
		return d, err
	}
	if h.body != "" {
		d.ContentType = h.contentType
		d.Body, err = r.read(h.body)
	}
	return d, err
}

// reader reads files, and standard input once.
type reader struct {
	stdin io.Reader // nil when it has been read
}

func (r *reader) read(file string) ([]byte, error) {
	in := r.stdin
	if file == "-" {
		if r.stdin = nil; in == nil {
			return nil, usageError{errors.New("standard input can be read once: name a file for the other")}
		}
	} else {
		f, err := os.Open(file)
		if err != nil {
			return nil, inputError{err}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, plugin.MaxDelivery+1))
	if err == nil && len(b) > plugin.MaxDelivery {
		err = fmt.Errorf("%s is larger than %d MiB, and a host would not send it", shown(file), plugin.MaxDelivery>>20)
	}
	if err != nil {
		return nil, inputError{err}
	}
	return b, nil
}

// object reads a JSON object; "" is the empty one.
func (r *reader) object(file string) (json.RawMessage, error) {
	if file == "" {
		return json.RawMessage("{}"), nil
	}
	b, err := r.read(file)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil || members == nil {
		return nil, inputError{fmt.Errorf("%s holds no JSON object: %v", shown(file), err)}
	}
	return bytes.TrimSpace(b), nil
}

func (r *reader) event(file string) (json.RawMessage, error) {
	b, err := r.object(file)
	if err != nil {
		return nil, err
	}
	var e event.Event
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, inputError{fmt.Errorf("%s is no event: %v", shown(file), err)}
	}
	if e.Type == "" {
		return nil, inputError{fmt.Errorf(`%s is no event: it has no "type"`, shown(file))}
	}
	return b, nil
}

func shown(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}
