//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
)

// A table stands in a document between two lines that name it. What is between them
// belongs to the bench, all else to the author.
func markers(name string) (begin, end []byte) {
	return fmt.Appendf(nil, "<!-- bench: %s -->\n", name), fmt.Appendf(nil, "<!-- end of %s -->\n", name)
}

// place returns where in doc the section has its place.
func place(doc []byte, name string) (from, to int, err error) {
	begin, end := markers(name)
	from = bytes.Index(doc, begin)
	if from < 0 {
		return 0, 0, fmt.Errorf("there is no line %q", bytes.TrimSpace(begin))
	}
	from += len(begin)
	n := bytes.Index(doc[from:], end)
	if n < 0 {
		return 0, 0, fmt.Errorf("after the line %q there is no line %q", bytes.TrimSpace(begin), bytes.TrimSpace(end))
	}
	return from, from + n, nil
}

// text is what stands in the section's place: where it was measured, and the table.
func (s section) text(where string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s\n\n", where)
	err := s.print(&b)
	b.WriteString("\n")
	return b.Bytes(), err
}

// insert returns doc with the section in its place.
func (s section) insert(doc []byte, where string) ([]byte, error) {
	from, to, err := place(doc, s.name)
	if err != nil {
		return nil, err
	}
	text, err := s.text(where)
	return bytes.Join([][]byte{doc[:from], text, doc[to:]}, nil), err
}

// write puts the section into the document in file.
func (s section) write(file, where string) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if doc, err = s.insert(doc, where); err != nil {
		return fmt.Errorf("write the table %q into %s: %w", s.name, file, err)
	}
	return os.WriteFile(file, doc, 0o644)
}

// checkDocument finds out before the run whether [section.write] will find its places.
func checkDocument(file string) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, name := range []string{sectionSide, sectionWaiting, sectionCost, sectionSenders} {
		if _, _, err := place(doc, name); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
