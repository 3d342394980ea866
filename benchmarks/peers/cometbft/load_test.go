package main

import (
	"testing"
	"time"
)

func TestARateRunsFromBlockToBlock(t *testing.T) {
	zero := time.Unix(1_000, 0)
	at := func(seconds float64) time.Time {
		return zero.Add(time.Duration(seconds * float64(time.Second)))
	}
	// A block of three every two seconds, one payment refused, one still on its way.
	ended := []time.Time{at(1), at(1), at(1), at(3), at(3), at(3), at(5), at(5), at(5), at(7)}
	ended = append(ended, time.Unix(0, 0), time.Time{})
	for _, window := range [][2]float64{{1, 5}, {2, 5}, {2.9, 5.9}, {1, 6.9}} {
		if rate := rateBetween(ended, at(window[0]), at(window[1])); rate != 1.5 {
			t.Errorf("%v: %v a second", window, rate)
		}
	}
	if rate := rateBetween(ended, at(8), at(9)); rate != 0 {
		t.Errorf("nothing ended, and it says %v a second", rate)
	}
	if rate := rateBetween(ended[:3], at(0), at(2)); rate != 3 {
		t.Errorf("without a block before it begins with the time: %v", rate)
	}
}
