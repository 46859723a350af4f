"""What people read of an evaluation: tables, pages, films, model cards."""
