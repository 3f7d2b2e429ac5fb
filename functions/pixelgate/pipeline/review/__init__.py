"""Approvals and rejections."""
