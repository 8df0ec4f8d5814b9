package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/host"
	"github.com/bellbuoy/bellbuoy/plugin/senders/inbox"
)

// carriers are the senders of all types: those that run in this process, since what they
// send to is the store, and the host's.
type carriers struct {
	own  map[string]plugin.Sender
	host *host.Host
}

func newCarriers(st *store.Store, version string, h *host.Host) carriers {
	return carriers{map[string]plugin.Sender{inbox.Type: inbox.Into(version, notifier(st))}, h}
}

// send makes an attempt with the sender of its type, and says of one that no sender heard
// of that it was none.
func (c carriers) send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	if own, ok := c.own[d.Type]; ok {
		return own.Send(ctx, d)
	}
	receipt, err := c.host.Send(ctx, d)
	if errors.Is(err, host.ErrUnsent) {
		err = fmt.Errorf("%w: %w", delivery.ErrUnsent, err)
	}
	return receipt, err
}

func (c carriers) render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	if own, ok := c.own[d.Type]; ok {
		return own.Render(ctx, d)
	}
	return c.host.Sender(d.Type).Render(ctx, d)
}

// renew has the sender of a type run in a new process, where it has one.
func (c carriers) renew(ctx context.Context, typ string) error {
	if _, ok := c.own[typ]; ok {
		return errors.New("it runs in bellbuoy's own process: it starts anew with that")
	}
	return c.host.Renew(ctx, typ)
}

// notifier keeps notices in the store.
func notifier(st *store.Store) inbox.Keep {
	return func(ctx context.Context, n inbox.Notice) (bool, error) {
		kept := store.Notice{
			ID: n.ID, Inbox: store.Inbox{Kind: n.Kind, Name: n.Name}, Level: string(n.Level), Title: n.Title, Text: n.Text, Link: n.Link,
			Event: n.Event, Type: string(n.Type), Target: n.Target,
		}
		for _, f := range n.Facts {
			kept.Facts = append(kept.Facts, store.NoticeFact(f))
		}
		return st.Notify(ctx, kept)
	}
}

// alone warns of inboxes of teams and organizations in which nobody is.
func alone(c *config.Config) config.Faults {
	var faults config.Faults
	for i, t := range c.Targets {
		var o struct{ Kind, Name string }
		if t.Type != inbox.Type || json.Unmarshal(t.Options, &o) != nil {
			continue // said already
		}
		groups, key := c.People.Teams, "teams"
		switch o.Kind {
		case "team":
		case "organization":
			groups, key = c.People.Organizations, "organizations"
		default:
			continue
		}
		if o.Name != "" && len(groups[o.Name]) == 0 {
			faults = append(faults, config.Warningf(fmt.Sprintf("targets[%d].options.name", i),
				"nobody is in the %s %q, so that nobody is told: write who is under people.%s", o.Kind, o.Name, key))
		}
	}
	return c.Locate(faults)
}

// known reports whether there is a team or an organization of that name. Of users nobody
// keeps a list: whoever asks by a name has it. Nor of groups that an identity provider has.
func (r *running) known(kind, name string) bool {
	c := r.now.Load().config
	people := c.People
	if c.Admin.Users.OIDC != nil {
		return true
	}
	switch kind {
	case "team":
		return people.Teams[name] != nil
	case "organization":
		return people.Organizations[name] != nil
	}
	return true
}

// inboxes are those that a user reads; groups are those that his login names, which count as
// teams and organizations.
func (r *running) inboxes(user string, groups []string) []store.Inbox {
	people := r.now.Load().config.People
	list := []store.Inbox{{Kind: "user", Name: user}}
	add := func(kind string, names []string) {
		for _, name := range names {
			if in := (store.Inbox{Kind: kind, Name: name}); !slices.Contains(list, in) {
				list = append(list, in)
			}
		}
	}
	add("team", people.Teams.Of(user))
	add("organization", people.Organizations.Of(user))
	add("team", groups)
	add("organization", groups)
	return list
}
