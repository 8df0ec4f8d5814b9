package faults_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The table of faults names tests that there are.
func TestTable(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^//\t.*?  +((?:[a-z]+(?:/[a-z]+)*) )?(Test\w+)`).FindAllStringSubmatch(string(doc), -1)
	if len(rows) < 20 {
		t.Fatalf("the table has %d rows that can be read", len(rows))
	}
	for _, row := range rows {
		dir, test := "integration/faults", row[2]
		if row[1] != "" {
			dir = row[1][:len(row[1])-1]
		}
		files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || regexp.MustCompile(`(?m)^func `+test+`\(`).Match(b)
		}
		if !found {
			t.Errorf("%s has no %s", dir, test)
		}
	}
}
