package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with its unit: "64MiB", "2GiB", "500MB".
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

// String writes s in the largest binary unit of which it is a whole number.
func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// parseSize reads a number with a unit.
func parseSize(s string) (Size, error) {
	if isDigits(s) {
		return 0, fmt.Errorf("%s has no unit: write %sMiB or %sGiB", s, s, s)
	}
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		digits = strings.TrimRight(digits, " ")
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil || !isDigits(digits) {
			break
		}
		if n *= float64(u.bytes); n >= math.MaxInt64 {
			return 0, fmt.Errorf("%q is more than any disk holds: write a smaller size", s)
		}
		return Size(n), nil
	}
	return 0, fmt.Errorf("%q is no size: write it like 64MiB or 2GiB", s)
}

// String writes r as it would be written in the file.
func (r Rate) String() string {
	if r.Sends == 0 {
		return "0"
	}
	return fmt.Sprintf("%d/%v", r.Sends, r.Per)
}

// parseRate reads "20/1m", or "0" for none.
func parseRate(s string) (Rate, error) {
	if s == "0" {
		return Rate{}, nil
	}
	sends, per, ok := strings.Cut(s, "/")
	n, err := strconv.Atoi(sends)
	if !ok || err != nil || n < 1 || sends[0] == '+' {
		return Rate{}, fmt.Errorf("%q is no rate: write sends/time, such as 20/1m, or 0 for no limit", s)
	}
	switch per {
	case "s", "m", "h", "d":
		per = "1" + per
	}
	d, err := parseDuration(per)
	if err != nil {
		return Rate{}, fmt.Errorf("%q is no rate: %w", s, err)
	}
	return Rate{n, d}, nil
}
