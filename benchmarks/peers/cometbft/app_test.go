package main

import "testing"

func TestALaneTakesEachNumberOnce(t *testing.T) {
	var lane account
	for _, number := range []uint64{1, 3, 2, 5, 4, 70, 69, 7} {
		if !lane.take(number) {
			t.Fatalf("%d was refused the first time", number)
		}
		if lane.take(number) {
			t.Fatalf("%d was taken twice", number)
		}
	}
	for _, number := range []uint64{0, 1, 2, 3, 5} {
		if lane.take(number) {
			t.Fatalf("%d was taken again", number)
		}
	}
	if !lane.take(6) {
		t.Fatal("6 is within the window and was never used")
	}
}
