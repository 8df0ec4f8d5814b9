package render

import "fmt"

// format is a shape of messages that needs no template.
type format struct {
	name   string
	render func(Input) (Message, error)
}

// formats is the table of formats, in the order in which they are documented.
func formats() []format {
	return []format{
		{Bellbuoy, func(Input) (Message, error) { return Message{}, nil }},
		{"native", native},
	}
}

// Formats returns the names of the formats that there are.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func formatNamed(name string) (format, bool) {
	if name == "" {
		name = Bellbuoy
	}
	for _, f := range formats() {
		if f.name == name {
			return f, true
		}
	}
	return format{}, false
}

// native is the body that the registry posted, byte for byte: where that told of
// several events, each of them gets the whole of it.
func native(in Input) (Message, error) {
	raw, err := in.Raw()
	if err != nil {
		return Message{}, err
	}
	if raw.Truncated {
		return Message{}, &Skip{fmt.Sprintf("the notification was too large (%d bytes) to be kept whole, so there is no native message of it", raw.Size)}
	}
	if raw.Body == nil {
		raw.Body = []byte{} // an empty one is one too
	}
	return Message{Body: raw.Body, ContentType: raw.ContentType}, nil
}
