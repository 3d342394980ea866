CREATE TABLE account (
    id int PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0),
    high bigint NOT NULL DEFAULT 0
);
CREATE TABLE payment (
    id bigserial PRIMARY KEY,
    payer int NOT NULL,
    payee int NOT NULL,
    amount bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
