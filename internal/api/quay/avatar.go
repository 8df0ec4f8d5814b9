package quay

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// avatar stands for a picture, as Quay's pages draw one: a letter on a colour.
type avatar struct {
	Name  string `json:"name"`
	Hash  string `json:"hash"`
	Color string `json:"color"`
	Kind  string `json:"kind"`
}

// avatarOf is that of a name. The colour is chosen by the hash as in Quay, and the hash is
// made of the name, where Quay's is of the e-mail address, which it does not tell.
func avatarOf(name, kind string) avatar {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(name))))
	return avatar{name, hex.EncodeToString(sum[:]), colorOf(sum[0]), kind}
}

// colorOf chooses a colour by the first byte of a hash.
func colorOf(b byte) string {
	colors := []string{
		"#969696", "#aec7e8", "#ff7f0e", "#ffbb78", "#2ca02c", "#98df8a", "#d62728", "#ff9896",
		"#9467bd", "#c5b0d5", "#8c564b", "#c49c94", "#e377c2", "#f7b6d2", "#7f7f7f", "#c7c7c7",
		"#bcbd22", "#1f77b4", "#17becf", "#9edae5", "#393b79", "#5254a3", "#6b6ecf", "#9c9ede",
		"#9ecae1", "#31a354", "#b5cf6b", "#a1d99b", "#8c6d31", "#ad494a", "#e7ba52", "#a55194",
	}
	return colors[int(b)%len(colors)]
}
