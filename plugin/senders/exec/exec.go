// Package exec runs a command for each event, without a shell. The message is its standard
// input and its exit status says what became of it. It runs in a process group of its own,
// with the environment that the target names and a few facts of bellbuoy's, and ends with
// its time: see [family.run].
package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
)

// sender keeps nothing but what runs now, and options that it has read.
type sender struct {
	version string
	targets *options.Targets[command]
	family  *family
}

// New makes the sender.
func New(version string) plugin.Sender {
	return &sender{version: version, targets: options.NewTargets(table(), nil), family: newFamily()}
}

// Describe is [plugin.Sender.Describe]. One command of a target runs at a time, since few
// are made for more.
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe("exec", s.version, plugin.Defaults{Order: "repository", Concurrency: 1}), nil
}

// errRestricted is for targets that the operator of the machine did not write.
var errRestricted = errors.New("runs on the machine that bellbuoy is on, so that only the configuration file may name it; write the target there")

// Check is [plugin.Sender.Check]. What it says of files is as they are now.
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	t, faults := s.targets.Check(c)
	if t != nil {
		faults = append(faults, t.files()...)
	}
	if c.Options != nil && c.Egress.Restricted {
		faults = append(faults, plugin.Fault{Path: "command", Message: errRestricted.Error()})
	}
	if c.Template != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTemplate, Message: "a command reads what is for programs and no text; remove it, or write json: in place of text:"})
	}
	if c.Title != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTitle, Message: "a command's input has no title; remove it"})
	}
	return faults, ctx.Err()
}

// Render is [plugin.Sender.Render].
func (s *sender) Render(_ context.Context, d plugin.Delivery) (plugin.Request, error) {
	t, _, err := s.read(d)
	if err != nil {
		return plugin.Request{}, err
	}
	facts, err := factsOf(d)
	if err != nil {
		return plugin.Request{}, err
	}
	r := t.shown(facts)
	body, _ := d.Message()
	r.Body = strings.ToValidUTF8(string(body), "\uFFFD")
	return r, nil
}

// Send is [plugin.Sender.Send].
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, scope, err := s.read(d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	facts, err := factsOf(d)
	if err != nil {
		return plugin.Receipt{}, err
	}
	receipt := plugin.Receipt{Request: t.shown(facts)}
	if ctx.Err() != nil {
		return receipt, fmt.Errorf("run %s: %w", t.argv[0], ctx.Err())
	}
	body, _ := d.Message()
	began := time.Now()
	end, err := s.family.run(ctx, t, t.environ(facts), body)
	receipt.Latency = time.Since(began)
	receipt.Reply = cut(t.mask.Text(string(end.output)))
	if err != nil { // it may be put right: installed, made executable
		receipt.Scope = plugin.ScopeMisconfigured
		if errors.Is(err, errBusy) {
			receipt.Scope = ""
		}
		return receipt, fmt.Errorf("start %s: %w", t.argv[0], err)
	}
	receipt.Scope, err = judge(end)
	if err != nil {
		err = fmt.Errorf("run %s: %w", t.argv[0], err)
	}
	return receipt, err
}

// read is the command of d.
func (s *sender) read(d plugin.Delivery) (*command, plugin.Scope, error) {
	if d.Egress.Restricted {
		return nil, plugin.ScopeMisconfigured, plugin.Permanent(fmt.Errorf("the command of target %s %w", d.Target, errRestricted))
	}
	return s.targets.Of(d)
}

// eventType is what a type is like.
var eventType = regexp.MustCompile(`^[a-z0-9._-]{1,100}$`)

// factsOf is what the command's environment says of d. None of it is what a stranger chose:
// names and tags are in the message alone.
func factsOf(d plugin.Delivery) (map[string]string, error) {
	var e struct{ Type string }
	if err := json.Unmarshal(d.Event, &e); err != nil {
		return nil, plugin.Permanent(fmt.Errorf("read the type of the event of delivery %s: %w", d.ID, err))
	}
	if !eventType.MatchString(e.Type) {
		e.Type = ""
	}
	_, contentType := d.Message()
	facts := map[string]string{
		reserved + "DELIVERY":     d.ID,
		reserved + "ATTEMPT":      strconv.Itoa(d.Attempt),
		reserved + "TARGET":       d.Target,
		reserved + "EVENT_TYPE":   e.Type,
		reserved + "CONTENT_TYPE": contentType,
	}
	for name, value := range facts {
		if options.Plain(value) != "" {
			return nil, plugin.Permanent(fmt.Errorf("%s of delivery %s would hold a control character", name, d.ID))
		}
	}
	return facts, nil
}

// reserved is what the names of facts begin with.
const reserved = "BELLBUOY_"

// environ is all of the command's environment.
func (t *command) environ(facts map[string]string) []string {
	var env []string
	for _, from := range []map[string]string{t.env, facts} {
		for _, name := range slices.Sorted(maps.Keys(from)) {
			env = append(env, name+"="+from[name])
		}
	}
	return env
}

// shown is what is run, as a request: its address is the command line.
func (t *command) shown(facts map[string]string) plugin.Request {
	r := plugin.Request{Method: "EXEC", Headers: map[string]string{}}
	var words []string
	for _, word := range t.argv {
		if !plainWord.MatchString(word) {
			word = strconv.Quote(word)
		}
		words = append(words, word)
	}
	r.URL = t.mask.Text(strings.Join(words, " "))
	maps.Copy(r.Headers, facts)
	for name := range t.env {
		r.Headers[name] = "***"
	}
	return r
}

// plainWord is a word of a command line that needs no quotes to be read.
var plainWord = regexp.MustCompile(`^[\pL\pN_./:=@%+,-]+$`)

// cut is valid UTF-8 of as much as a receipt holds.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > plugin.MaxReply {
		s = strings.ToValidUTF8(s[:plugin.MaxReply], "")
	}
	return s
}

// files warns of what is wrong with the command's file and folder now, and may not be when
// it is run.
func (t *command) files() (faults []plugin.Fault) {
	warn := func(path, format string, args ...any) {
		faults = append(faults, plugin.Fault{Warning: true, Path: path, Message: fmt.Sprintf(format, args...)})
	}
	switch f, err := os.Stat(t.argv[0]); {
	case err != nil:
		warn("command.0", "is no file that can be found now: %v; events are tried again until it is there", errors.Unwrap(err))
	case !f.Mode().IsRegular() || f.Mode()&0o111 == 0:
		warn("command.0", "is no file that can be executed; make it one, as with chmod +x")
	case f.Mode()&0o002 != 0:
		warn("command.0", "is a file that everyone on this machine may change, and so run what they like; take that from it, as with chmod o-w")
	}
	if f, err := os.Stat(t.dir); err != nil || !f.IsDir() {
		warn("dir", "is no folder that can be found now; make it")
	}
	return faults
}
