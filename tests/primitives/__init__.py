"""Tests of the bytes everyone agrees on."""
