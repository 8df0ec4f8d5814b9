package harbor

import "slices"

// MaxList is how many entries are kept of a list in a large body.
const MaxList = 200

// maxString is how long a string may be that is not needed to tell what happened.
const maxString = 1 << 10

// trim drops what makes an event large: a replication or a retention may be of very
// many artifacts. Resources all stay, as each is an event of its own; so do the names
// of what happened.
func (e *Event) trim() {
	d := e.Data
	short(&d.CustomAttributes.Details)
	if r := d.Replication; r != nil {
		short(&r.Description)
		r.Successful, r.Failed = contents(r.Successful), contents(r.Failed)
	}
	if r := d.Retention; r != nil {
		r.Deleted = contents(r.Deleted)
		r.Rules = first(r.Rules)
		for i := range r.Rules {
			short(&r.Rules[i].Template)
		}
	}
}

func contents(list []Content) []Content {
	list = first(list)
	for i := range list {
		c := &list[i]
		c.References = first(c.References)
		short(&c.NameTag)
		short(&c.Type)
		short(&c.Status)
		c.References = slices.DeleteFunc(c.References, func(s string) bool { return len(s) > maxString })
	}
	return list
}

// first returns the first [MaxList] of list, which the rest is no longer held by.
func first[T any](list []T) []T {
	if len(list) <= MaxList {
		return list
	}
	return slices.Clone(list[:MaxList])
}

func short(s *string) {
	if len(*s) > maxString {
		*s = ""
	}
}
