"""The 110 cases of docs/reliability-cases.md: an input or a fault, what must happen, the tests.

Names with a dot, such as ``empty.fa``, are files of `odd_files`, which
`test_a_file_gives_its_rows_or_a_one_line_error` gives to ``classify``. All others are tests, as
``file::test``. `test_cases` checks that all of them exist, and writes the page.
"""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """One case. ``tests`` are separated by spaces; none is a case that has no test yet."""

    number: int
    what: str
    result: str
    tests: str


GROUPS = {
    "Bytes and containers": [
        Listed(1, "empty file", "no rows and a warning; an error for `index build`",
               "empty.fa test_taxonomy::test_an_index_without_references_is_an_error"),
        Listed(2, "only empty lines", "as 1", "newlines.fa"),
        Listed(3, "empty `.gz` of 0 bytes", "as 1", "empty.fa.gz"),
        Listed(4, "gzip of nothing", "as 1", "empty_content.fa.gz"),
        Listed(5, "gzip, bzip2 or xz cut in half", "error that names the last complete record",
               "half.fa.gz half.fa.bz2 half.fa.xz "
               "test_reading::test_damage_to_a_container_loses_no_record"),
        Listed(6, "gzip without its trailer", "error", "no_trailer.fa.gz"),
        Listed(7, "gzip with a wrong CRC", "error", "wrong_sum.fa.gz"),
        Listed(8, "a flipped bit in gzip, bzip2 or xz", "error",
               "flipped.fa.gz flipped.fa.bz2 flipped.fa.xz"),
        Listed(9, "bytes after gzip", "error; zeros are accepted", "trailing.fa.gz padded.fa.gz"),
        Listed(10, "gzip of several members, bgzip", "all members are read", "members.fa.gz"),
        Listed(11, "plain text named `.gz`", "read", "plain_named.fa.gz"),
        Listed(12, "gzip named `.fa`", "read", "gzip_named.fa"),
        Listed(13, "bzip2, xz, zstandard", "read; zstandard is an error that says what to do",
               "plain.fa.bz2 plain.fa.xz plain.fa.zst"),
        Listed(14, "UTF-8 with a byte order mark", "read", "bom.fa"),
        Listed(15, "UTF-16", "error that says so", "utf16.fa utf16_no_bom.fa"),
        Listed(16, "random bytes", "error", "noise.fa"),
        Listed(17, "PNG image", "error that says so", "picture.fa"),
        Listed(18, "HTML page", "error that says so", "page.fa"),
        Listed(19, "git-lfs pointer", "error that says so", "pointer.fa"),
        Listed(20, "zip archive", "error; a QIIME 2 artifact is read as references",
               "archive.qza test_formats::test_artifacts_are_read_like_the_files_in_them"),
        Listed(21, "CRLF; blanks and tabs in headers", "same rows as LF",
               "crlf.fa space_after_mark.fa tab_in_header.fa"),
        Listed(22, "CR", "same rows as LF", "cr.fa"),
        Listed(23, "mixed line ends", "same rows as LF", "mixed_ends.fa"),
        Listed(24, "no newline at the end", "same rows", "no_last_newline.fa"),
        Listed(25, "empty lines, blanks at line ends", "same rows",
               "blank_lines.fa blank_lines.fq trailing_blanks.fa"),
        Listed(26, "`;` comments before the first record", "same rows and a warning",
               "comments.fa"),
        Listed(27, "plain file cut in a record", "cannot be seen: the record is shorter; the "
               "summary prints the number of records", "cut.fa"),
        Listed(28, "standard input, `/dev/stdin`, FIFO, gzip on standard input", "same rows",
               "test_reliability::test_standard_input_and_a_fifo_give_the_same_table_as_a_file"),
        Listed(29, "a directory, a missing file, an input that is also the output",
               "error, or exit code 2",
               "test_cli::test_a_run_time_error_has_exit_code_1_and_one_line "
               "test_cli::test_a_usage_error_has_exit_code_2_and_writes_nothing"),
        Listed(30, "a file name that is not UTF-8", "works",
               "test_cli::test_a_file_name_of_any_bytes_works"),
    ],
    "Records": [
        Listed(31, "sequence before the first header", "error with its line", "no_header.fa"),
        Listed(32, "header without a sequence", "row with `empty`",
               "header_only.fa empty_middle.fa"),
        Listed(33, "header without an id", "id `record_000123` and `no_id`", "no_ids.fa"),
        Listed(34, "repeated ids", "all rows and one warning; for references, an error unless the "
               "records are the same", "repeated_ids.fa "
               "test_taxonomy::test_an_id_of_different_references_is_an_error"),
        Listed(35, "control characters in an id", "error",
               "nul_in_id.fa newline_in_id.csv escape_in_id.fa"),
        Listed(36, "UTF-8 in an id", "kept", "utf8_id.fa"),
        Listed(37, "Latin-1 in an id", "error with the byte, and `--encoding`", "latin1_id.fa"),
        Listed(38, "header of 200 kB", "error: over 64 kB", "long_id.fa"),
        Listed(39, "quotes, commas, `=`, `-` or `#` in an id", "kept", "hostile_ids.fa"),
        Listed(40, "lower case", "same rows", "lower.fa"),
        Listed(41, "U instead of T", "same rows", "rna.fa"),
        Listed(42, "IUPAC codes", "kept; `ambiguous_bases` over 5 %, no name over half",
               "iupac.fa ambiguous.fa half_n.fa inosine.fa"),
        Listed(43, "gaps `-` and `.`", "removed; same rows", "gaps.fa"),
        Listed(44, "digits and blanks of GenBank; `*`, other letters",
               "removed and `layout_removed`; error with its line",
               "genbank.fa genbank.tsv stop.fa letter_x.fa"),
        Listed(45, "`>` in a sequence", "error: is a newline missing", "mark_inside.fa"),
        Listed(46, "NUL in a sequence", "error", "nul_inside.fa"),
        Listed(47, "protein", "error that says so", "protein.fa protein.tsv"),
        Listed(48, "FASTQ named `.fa`; tables", "read", "fastq.fa table.tsv"),
        Listed(49, "truncated FASTQ or table", "error with its line",
               "truncated.fq no_quality.fq open_quote.csv open_quote_above.csv ragged.csv"),
        Listed(50, "qualities of another length, or with a wrong character", "error with its line",
               "short_quality.fq other_title.fq no_phred.fq no_ascii.fq"),
        Listed(51, "one base; shorter than `--min-length`", "row with `short`", "short.fa"),
        Listed(52, "only N", "row with `low_information`", "all_n.fa"),
        Listed(53, "one repeated base or word", "row with `low_information`", "repeat.fa"),
        Listed(54, "record of megabases, one line or many", "row with `too_long`; bounded memory",
               "huge.fa huge_lines.fa test_reading::test_memory_does_not_grow_with_the_file"),
        Listed(55, "the reverse complement", "same row except for `strand`", "test_reliability::"
               "test_the_other_strand_gives_the_same_row_except_for_the_strand"),
        Listed(56, "a sequence that equals its reverse complement", "strand `+`",
               "test_cases::test_a_palindrome_is_on_the_forward_strand"),
        Listed(57, "stop codon, frameshift, chimera", "named, and flagged", "test_quality::"
               "test_flags_are_raised_in_their_rows_and_change_no_name "
               "test_quality::test_halves_more_similar_to_two_families_than_the_whole_are_a_chimera"
               ),
        Listed(58, "a long stream", "memory stays the same",
               "test_load::test_memory_does_not_grow_with_the_number_of_reads"),
        Listed(59, "one record", "one row", "header_only.fa "
               "test_embedder::test_one_sequence_is_one_row"),
        Listed(60, "records of very different lengths in a batch", "same as one by one",
               "unequal.fa test_reliability::test_batches_and_threads_change_no_byte"),
    ],
    "References and taxonomy": [
        Listed(61, "record without a lineage, lineage without a record",
               "error, or left out and counted with `--allow-missing`; counted",
               "test_taxonomy::test_a_record_without_a_lineage_is_an_error_with_its_name "
               "test_taxonomy::test_a_lineage_without_a_record_is_counted"),
        Listed(62, "missing middle rank, lists of different lengths", "NA",
               "test_taxonomy::test_a_missing_middle_rank_is_na"),
        Listed(63, "two parents of one genus; homonyms in two kingdoms",
               "the more frequent one, or an error; two taxa",
               "test_taxonomy::test_conflicting_parents_are_reported_or_an_error "
               "test_taxonomy::test_homonyms_in_two_kingdoms_are_two_taxa"),
        Listed(64, "`unidentified`, `sp.`, `None` and other placeholders", "missing names, listed",
               "test_taxonomy::test_placeholders_are_missing_names"),
        Listed(65, "two formats in one file", "error with the line",
               "test_formats::test_a_record_in_another_format_is_an_error"),
        Listed(66, "quotes, byte order mark, CRLF, `;` as delimiter",
               "read, or error with its line",
               "test_taxonomy::test_a_taxonomy_in_any_form "
               "test_taxonomy::test_an_unreadable_taxonomy_is_an_error_with_the_line"),
        Listed(67, "one barcode in two species", "`ambiguous`, placed at the genus",
               "test_taxonomy::test_a_barcode_shared_by_two_species_is_ambiguous"),
        Listed(68, "no reference, one record, one species",
               "error; an index where dissimilar queries are `novel`",
               "test_taxonomy::test_an_index_without_references_is_an_error "
               "test_taxonomy::test_a_small_index_calls_a_dissimilar_query_novel"),
        Listed(69, "species that the reference does not have", "`novel`",
               "test_novel_units::test_the_command_writes_units_of_novel_reads_and_keeps_the_order"
               ),
        Listed(70, "mislabelled reference", "found by `index audit`",
               "test_index_audit::test_planted_records_are_found_and_no_others"),
    ],
    "Models, indexes, numbers": [
        Listed(71, "file of a bundle truncated, empty, changed, longer, or another file",
               "error that names the file", "test_bundles::test_a_damaged_file_is_named "
               "test_bundles::test_a_changed_byte_of_a_model_is_an_error_or_has_no_effect"),
        Listed(72, "pickle with code", "error; nothing runs",
               "test_convert::test_a_pickle_with_code_is_refused_and_not_run"),
        Listed(73, "configuration that does not fit the weights", "error that names the tensor",
               "test_model::test_a_configuration_that_does_not_fit_the_weights_names_the_tensor"),
        Listed(74, "missing or unexpected tensor", "error that names it",
               "test_cases::test_a_missing_or_unexpected_tensor_is_named"),
        Listed(75, "newer format", "error that says which version made it",
               "test_bundles::test_an_inconsistent_manifest_is_an_error"),
        Listed(76, "index of another model", "error with both fingerprints",
               "test_bundles::test_another_model_is_an_error_with_both_fingerprints"),
        Listed(77, "file of an index changed or missing, or edited and signed again",
               "error that names the file",
               "test_bundles::test_a_changed_byte_of_an_index_is_an_error_or_has_no_effect "
               "test_mutations::test_a_mutated_bundle_gives_an_answer_or_one_line"),
        Listed(78, "index from a machine with another byte order", "the formats have one byte "
               "order; arrays in another one are an error",
               "test_cases::test_an_array_of_another_byte_order_is_refused"),
        Listed(79, "NaN in a vector", "row with `no_vector`; weights that are not finite are an "
               "error", "test_cases::test_a_vector_without_a_value_is_a_row"),
        Listed(80, "vector of length zero", "row with `no_vector`",
               "test_cases::test_a_vector_without_a_value_is_a_row"),
        Listed(81, "`-k` larger than the index", "fewer hits",
               "test_taxonomy::test_top_k_can_exceed_the_number_of_references"),
        Listed(82, "more ties than `-k`", "same rows in any order of the references",
               "test_bundles::test_the_same_references_in_any_order_give_the_same_bundle "
               "test_search::test_equal_references_are_in_the_order_of_their_rows"),
        Listed(83, "batch sizes, threads, parts of a file", "same bytes",
               "test_reliability::test_batches_and_threads_change_no_byte "
               "test_reliability::test_parts_of_a_file_give_parts_of_the_table"),
        Listed(84, "processor without AVX", "same names",
               "test_load::test_a_simple_processor_gives_the_same_names"),
        Listed(85, "out of memory on a GPU", "error of one line that names `--batch-size`; no "
               "second try", "test_cli::test_a_lack_of_memory_is_one_line"),
        Listed(86, "out of memory", "error of one line that names `--batch-size`",
               "test_cli::test_memory_that_a_limit_refuses_is_one_line"),
        Listed(87, "`--device cuda` without a GPU", "error; `auto` uses the CPU",
               "test_cases::test_a_device_that_is_absent_is_an_error"),
        Listed(88, "no bf16 on this device", "`auto` uses fp32",
               "test_cases::test_bf16_is_used_only_where_it_is_native_and_pays"),
    ],
    "Processes and disks": [
        Listed(89, "`| head -1`", "exit code 141, no message",
               "test_cli::test_a_closed_pipe_has_exit_code_141_and_no_message"),
        Listed(90, "Ctrl-C", "130, nothing is left",
               "test_reliability::test_an_interrupted_command_leaves_nothing "
               "test_reliability::test_a_command_can_be_killed_at_any_time"),
        Listed(91, "SIGTERM", "143, nothing is left",
               "test_reliability::test_an_interrupted_command_leaves_nothing "
               "test_reliability::test_a_command_can_be_killed_at_any_time"),
        Listed(92, "kill -9 at any time", "the old or the new output, or none", "test_reliability::"
               "test_a_killed_command_leaves_a_complete_output_or_none "
               "test_reliability::test_a_command_can_be_killed_at_any_time "
               "test_pretrain_command::test_a_killed_run_resumes_to_the_same_weights"),
        Listed(93, "`/dev/full`, full disk", "error, the old output stays",
               "test_cli::test_a_run_time_error_has_exit_code_1_and_one_line "
               "test_cli::test_a_full_standard_output_has_exit_code_1 "
               "test_files::test_an_index_survives_a_full_disk"),
        Listed(94, "the N-th write, sync or rename fails", "error, the old or the new output",
               "test_faults::test_commands_survive_the_failure_of_some_calls "
               "test_faults::test_a_command_survives_the_failure_of_any_call "
               "test_files::test_a_file_survives_the_failure_of_any_call "
               "test_files::test_a_bundle_survives_the_failure_of_any_call"),
        Listed(95, "read-only directories, no HOME",
               "error for the output; inputs can be read-only",
               "test_reliability::test_read_only_inputs_are_not_changed"),
        Listed(96, "two commands with one output", "a complete file; a bundle is locked",
               "test_files::test_writers_of_one_file_do_not_mix "
               "test_cli::test_a_second_build_of_an_index_is_refused_at_once"),
        Listed(97, "the output exists", "replaced at the end; kept with `--no-clobber`",
               "test_files::test_a_file_is_replaced_and_not_overwritten_in_place "
               "test_cli::test_no_clobber_keeps_every_output_that_exists"),
        Listed(98, "the input is deleted during the run", "read to its end",
               "test_cases::test_an_input_that_is_deleted_is_read_to_its_end"),
        Listed(99, "another locale, time zone, terminal", "same bytes",
               "test_reliability::test_an_unusual_environment_changes_no_byte"),
        Listed(100, "no network, proxies", "no connection is tried: the tests forbid sockets",
               "test_reliability::test_an_unusual_environment_changes_no_byte"),
        Listed(101, "`--help` with a broken torch", "works",
               "test_cli::test_help_and_version_import_no_large_library"),
        Listed(102, "two copies of OpenMP", "same rows; torch is loaded before FAISS. Not "
               "tested on macOS", "test_threads::test_two_copies_of_openmp_give_the_same_rows"),
        Listed(103, "`OMP_NUM_THREADS=abc`, one core for a container", "a number of threads that "
               "fits", "test_threads::test_the_quota_of_a_container "
               "test_reliability::test_an_unusual_environment_changes_no_byte"),
        Listed(104, "typographic dash, misspelled option", "exit code 2 with what to write",
               "test_cli::test_a_typographic_dash_in_an_option_is_explained "
               "test_cli::test_a_usage_error_has_exit_code_2_and_writes_nothing"),
    ],
    "Training": [
        Listed(105, "killed while a checkpoint is written", "the newest complete one is resumed",
               "test_training::test_the_newest_complete_checkpoint_is_resumed"),
        Listed(106, "stopped and resumed", "same weights as without a stop",
               "test_training::test_a_resumed_run_equals_an_uninterrupted_one"),
        Listed(107, "loss that is not a number", "error, the checkpoint stays",
               "test_training::test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint "
               "test_training::test_a_loss_that_is_not_finite_is_never_saved"),
        Listed(108, "corpus changed since the checkpoint", "error", "test_training::"
               "test_resuming_with_another_recipe_or_corpus_is_an_error"),
        Listed(109, "another number of processes", "same weights with the same batch",
               "test_training::test_two_processes_equal_one_with_accumulation"),
        Listed(110, "full disk while a checkpoint is written", "error, the last one is resumed",
               "test_training::test_a_full_disk_at_a_checkpoint_keeps_the_last_one"),
    ],
}  # fmt: skip

CASES = [case for group in GROUPS.values() for case in group]
