-- Format 1. Names lie in a schema of their own; {dimensions} is the model's.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA edgepatent;
SET LOCAL search_path = edgepatent, public;

-- Words as they are, stemmed: no list of words that are left out, as in a folder's full-text index.
CREATE TEXT SEARCH DICTIONARY porter (TEMPLATE = snowball, LANGUAGE = porter);
CREATE TEXT SEARCH CONFIGURATION words (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION words
    ADD MAPPING FOR asciiword, word, numword, int, uint, float, sfloat, version WITH porter;

-- One row. Who writes locks it, so that rows are numbered in the order in which they become visible.
-- "rows" counts all that ever were. "mean" [D] is what signs are taken around, once it is fitted;
-- "graph" says that the HNSW index on them is there.
CREATE TABLE state (
    one int PRIMARY KEY CHECK (one = 1), format int NOT NULL, space text NOT NULL,
    dimensions int NOT NULL, rotation bytea NOT NULL, mean bytea, graph boolean NOT NULL,
    rows bigint NOT NULL, drawings bigint NOT NULL, patents bigint NOT NULL,
    generation bigint NOT NULL, calibration bytea);
CREATE TABLE history (generation bigint PRIMARY KEY, since timestamptz NOT NULL, rows bigint NOT NULL);
CREATE TABLE bundle (name text PRIMARY KEY, data bytea NOT NULL);

CREATE TABLE files (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, root text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL, size bigint NOT NULL, mtime_ns bigint NOT NULL,
    digest bytea NOT NULL, UNIQUE (path, root));
CREATE INDEX files_digest ON files (digest);

CREATE TABLE patents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, patent_id text COLLATE "C" NOT NULL UNIQUE,
    locarno text COLLATE "C", klass text COLLATE "C", subclass text COLLATE "C", title text,
    date text COLLATE "C", bibliography text, words tsvector NOT NULL DEFAULT '',
    length int NOT NULL DEFAULT 0);
CREATE INDEX patents_klass ON patents (klass, subclass);
CREATE INDEX patents_date ON patents (date);
CREATE INDEX patents_words ON patents USING gin (words);
-- Every word that ever was: for typing errors.
CREATE TABLE lexemes (lexeme text COLLATE "C" PRIMARY KEY);
CREATE TABLE terms (
    patent bigint NOT NULL REFERENCES patents ON DELETE CASCADE, kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL, value text NOT NULL, PRIMARY KEY (patent, kind, key));
CREATE INDEX terms_key ON terms (kind, key);

-- "codes" are the int8 codes of a folder's rows, exact as halves; "signs" one bit a dimension.
CREATE TABLE drawings (
    row bigint PRIMARY KEY, patent bigint NOT NULL REFERENCES patents,
    file bigint NOT NULL REFERENCES files, part text COLLATE "C" NOT NULL, figure text, view text,
    text text, codes halfvec({dimensions}) NOT NULL, scale real NOT NULL, signs bit({dimensions}),
    thumbnail bytea, UNIQUE (file, part));
ALTER TABLE drawings ALTER COLUMN thumbnail SET STORAGE EXTERNAL;
CREATE INDEX drawings_patent ON drawings (patent);
