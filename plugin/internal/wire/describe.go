package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

const (
	maxVersion = 128
	maxFault   = 1 << 10
	maxFaults  = 100
)

func writeDescription(d plugin.Description) *Description {
	m := &Description{
		Type:        clean(d.Type),
		Version:     cut(d.Version, maxVersion),
		Options:     d.Options,
		Order:       clean(d.Defaults.Order),
		Concurrency: int32(d.Defaults.Concurrency),
		RateSends:   int32(d.Defaults.Rate.Sends),
		RatePerMs:   d.Defaults.Rate.Per.Milliseconds(),
		DigestAfter: int32(d.Defaults.DigestAfter),
		Format:      clean(d.Defaults.Format),
	}
	for _, s := range d.Secrets {
		m.Secrets = append(m.Secrets, clean(s))
	}
	return m
}

// readDescription refuses a description that bellbuoy could not go by.
func readDescription(typ string, m *Description) (plugin.Description, error) {
	if m.GetType() != typ {
		return plugin.Description{}, fmt.Errorf("it says that it serves type %q", cut(m.GetType(), 64))
	}
	if len(m.GetOptions()) > 0 && !json.Valid(m.GetOptions()) {
		return plugin.Description{}, fmt.Errorf("the options schema in its description is not JSON")
	}
	d := plugin.Description{
		Type:    m.GetType(),
		Version: cut(m.GetVersion(), maxVersion),
		Options: json.RawMessage(m.GetOptions()),
		Secrets: m.GetSecrets(),
		Defaults: plugin.Defaults{
			Order:       m.GetOrder(),
			Concurrency: max(0, int(m.GetConcurrency())),
			Rate:        readRate(m),
			DigestAfter: max(0, int(m.GetDigestAfter())),
			Format:      cut(m.GetFormat(), 64),
		},
	}
	switch d.Defaults.Order {
	case "", "repository", "none":
	default:
		return plugin.Description{}, fmt.Errorf("its default order is %q, not repository or none", cut(d.Defaults.Order, 64))
	}
	return d, nil
}

// maxRatePer is the longest window of a rate, and minRatePer the shortest.
const (
	minRatePer = time.Millisecond
	maxRatePer = 24 * time.Hour
)

// readRate takes a rate with a window that is out of bounds for the nearest that is not.
func readRate(m *Description) plugin.Rate {
	if m.GetRateSends() <= 0 {
		return plugin.Rate{}
	}
	ms := min(max(m.GetRatePerMs(), minRatePer.Milliseconds()), maxRatePer.Milliseconds())
	return plugin.Rate{Sends: int(m.GetRateSends()), Per: time.Duration(ms) * time.Millisecond}
}

// writeFaults keeps the first hundred: nobody mends more at a time.
func writeFaults(faults []plugin.Fault) *CheckReply {
	m := &CheckReply{}
	for _, f := range faults[:min(len(faults), maxFaults)] {
		m.Faults = append(m.Faults, &Fault{Part: string(readPart(string(f.Part))), Path: cut(f.Path, maxName), Message: cut(f.Message, maxFault), Warning: f.Warning})
	}
	return m
}

func readFaults(m *CheckReply) []plugin.Fault {
	all := m.GetFaults()
	var faults []plugin.Fault
	for _, f := range all[:min(len(all), maxFaults)] {
		faults = append(faults, plugin.Fault{Part: readPart(f.GetPart()), Path: cut(f.GetPath(), maxName), Message: cut(f.GetMessage(), maxFault), Warning: f.GetWarning()})
	}
	return faults
}

// readPart takes what is not in the closed list as being about the options.
func readPart(s string) plugin.Part {
	switch part := plugin.Part(s); part {
	case plugin.PartTemplate, plugin.PartTitle:
		return part
	}
	return plugin.PartOptions
}

func writeCheck(typ string, c plugin.Check) (*CheckRequest, error) {
	m := &CheckRequest{Type: typ, Options: c.Options, Template: clean(c.Template), Title: clean(c.Title), Egress: writeEgress(c.Egress)}
	size := len(c.Options) + len(c.Template) + len(c.Title)
	for _, s := range c.Samples {
		m.Samples = append(m.Samples, s)
		size += len(s)
	}
	if size > plugin.MaxDelivery {
		return nil, fmt.Errorf("what is to be checked is too large for a sender: %d bytes, at most %d are sent", size, plugin.MaxDelivery)
	}
	return m, nil
}

func readCheck(m *CheckRequest) plugin.Check {
	c := plugin.Check{Template: m.GetTemplate(), Title: m.GetTitle(), Egress: readEgress(m.GetEgress())}
	if len(m.GetOptions()) > 0 {
		c.Options = m.GetOptions()
	}
	for _, s := range m.GetSamples() {
		c.Samples = append(c.Samples, s)
	}
	return c
}
