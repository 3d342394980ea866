-- One payment of benchmarks/work.py: two updates and an insert in one synchronous transaction.
-- Connection c of n carries payments c, c + n, c + 2n and so on, so that all together carry the same
-- in nearly the same order. Rows are locked in the order of their ids: no two wait for each other.
\set payment :turn * :connections + :client_id
\set turn :turn + 1
\set payer mod(:payment, :accounts)
\set payee mod(:payer + 4 * (1 + mod(:payment * 7, :accounts / 4 - 1)), :accounts)
\set amount 1 + mod(:payment * 37, 500)
\set first least(:payer, :payee)
\set second greatest(:payer, :payee)
\set first_pays case when :payer < :payee then 1 else 0 end
\set first_change :amount - 2 * :first_pays * :amount
BEGIN;
UPDATE account SET balance = balance + :first_change, high = high + :first_pays WHERE id = :first;
UPDATE account SET balance = balance - :first_change, high = high + 1 - :first_pays WHERE id = :second;
INSERT INTO payment (payer, payee, amount) VALUES (:payer, :payee, :amount);
COMMIT;
