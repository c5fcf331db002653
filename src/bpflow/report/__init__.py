"""One self-contained HTML page over a run, made only from the JSON and tables that the stages wrote."""
