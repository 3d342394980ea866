package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// What `tests/benchmarks/test_work.py` holds the other side against.
type vectors struct {
	Accounts uint64
	Payments []struct {
		Payment, Payer, Payee, Amount uint64
		LaneNumber                    uint64 `json:"lane_number"`
	}
	Keys []struct {
		Account   uint32
		PublicKey string `json:"public_key"`
	}
}

func readVectors(t *testing.T) vectors {
	raw, err := os.ReadFile("testdata/payments.json")
	if err != nil {
		t.Fatal(err)
	}
	var found vectors
	if err := json.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPaymentsAreThoseOfTheOtherSide(t *testing.T) {
	found := readVectors(t)
	if len(found.Payments) == 0 || len(found.Keys) == 0 {
		t.Fatal("no vectors")
	}
	for _, one := range found.Payments {
		n, accounts := one.Payment, found.Accounts
		if payerOf(n, accounts) != one.Payer || payeeOf(n, accounts) != one.Payee ||
			amountOf(n) != one.Amount || laneNumberOf(n, accounts) != one.LaneNumber {
			t.Errorf("payment %d is another", n)
		}
	}
	for _, one := range found.Keys {
		public := accountKey(one.Account).Public().(ed25519.PublicKey)
		if hex.EncodeToString(public) != one.PublicKey {
			t.Errorf("the key of account %d is another", one.Account)
		}
	}
}

func TestPaymentsStayWithinACurrency(t *testing.T) {
	const accounts = 40
	for payment := uint64(0); payment < 4*accounts; payment++ {
		payer, payee := payerOf(payment, accounts), payeeOf(payment, accounts)
		if payer == payee || payer%currencies != payee%currencies {
			t.Fatalf("payment %d goes from %d to %d", payment, payer, payee)
		}
	}
}

func TestSignedPaymentsVerify(t *testing.T) {
	for _, tx := range signedPayments(7, 5, 40) {
		app := &payApp{checked: map[[32]byte]struct{}{}}
		for number := uint32(0); number < 40; number++ {
			app.keys = append(app.keys, accountKey(number).Public().(ed25519.PublicKey))
		}
		if !app.verify(tx, [32]byte{}) {
			t.Fatal("a payment signed by its payer was refused")
		}
		tx[8]++
		if app.verify(tx, [32]byte{1}) {
			t.Fatal("an altered payment was taken")
		}
	}
}
