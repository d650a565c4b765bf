"""JVM failures: small programs, compiled and run; one class loads what is missing, another fills its heap."""

from provocations import server
from provocations.jvm import HOME, compiled, jvm, main
from provocations.registry import Shown, several

MAIL, RETRY, CHANGED, CALL = "send_email", "retry", "retry_with_new_params", "escalate"
DEAD = server.dead_port()
URL = server.start()


def library(version: str) -> Shown:
    """Compiled against one version of a library, run with another."""
    old, new, app = HOME / "v1", HOME / "v2", HOME / "app"
    compiled(
        "Rates",
        "public class Rates { public static double of(String name) { return 1; } public int x = 1; }",
        where=old,
    )
    changed = {
        "method": "public class Rates { public static double of(String name, int day) { return 1; } public int x = 1; }",
        "field": "public class Rates { public static double of(String name) { return 1; } }",
        "interface": "public interface Rates { static double of(String name) { return 1; } }",
        "old": "public class Rates { public static double of(String name) { return 1; } public int x = 1; }",
    }
    compiled("Rates", changed[version], where=new)
    body = 'public class App { public static void main(String[] a) { System.out.println(Rates.of("gbp") + new Rates().x); } }'
    compiled("App", body, where=app, classpath=str(old))
    return jvm("-cp", f"{app}" if version == "old" else f"{app}:{new}", "App")


def newer_class() -> Shown:
    compiled("Newer", "public class Newer { public static void main(String[] a) {} }")
    path = HOME / "Newer.class"
    data = bytearray(path.read_bytes())
    data[7] = 69  # the class file version of Java 25
    path.write_bytes(data)
    return jvm("-cp", str(HOME), "Newer")


FILL = "List<long[]> rows = new ArrayList<>(); while (true) rows.add(new long[100000]);"
STRINGS = "Map<Integer, String> m = new HashMap<>(); for (int i = 0; ; i++) m.put(i, String.valueOf(i) + i);"
DIRECT = "List<Object> kept = new ArrayList<>(); while (true) kept.add(java.nio.ByteBuffer.allocateDirect(1 << 20));"
WRAPPED = (
    'try { new Socket("127.0.0.1", %d); } catch (IOException e) { throw new RuntimeException("stage load failed", e); }'
    % DEAD
)
FUTURE = "Executors.newSingleThreadExecutor(r -> { Thread t = new Thread(r); t.setDaemon(true); return t; }).submit(() -> { Thread.sleep(4000); return 1; }).get(50, TimeUnit.MILLISECONDS);"
SLOW = f'HttpURLConnection c = (HttpURLConnection) new URL("{URL}/slow").openConnection(); c.setReadTimeout(200); c.getInputStream();'
CUT = f'new URL("{URL}/reset").openStream();'
TLS = f'new URL("{URL.replace("http", "https")}").openStream();'

several(
    [
        ("a heap that is full", "resource", CHANGED, (), lambda: main(FILL, "-Xmx64m")),
        (
            "a collector that only collects",
            "resource",
            CHANGED,
            (),
            lambda: main(STRINGS, "-Xmx24m", "-XX:+UseParallelGC"),
        ),
        ("direct memory that is full", "resource", CHANGED, (), lambda: main(DIRECT, "-XX:MaxDirectMemorySize=8m")),
        (
            "an array beyond the limit",
            "resource",
            CHANGED,
            (MAIL, "user_code"),
            lambda: main("long[] a = new long[Integer.MAX_VALUE];", "-Xmx64m"),
        ),
        ("recursion without an end", "user_code", MAIL, ("resource", CHANGED), lambda: main("deep(1);", "-Xss256k")),
        (
            "a heap that the machine cannot give",
            "resource",
            CHANGED,
            ("configuration", MAIL),
            lambda: jvm("-Xms4000g", "-Xmx4000g", "-version"),
        ),
        ("an unknown JVM option", "configuration", MAIL, (), lambda: jvm("-XX:+UseFastGC", "-version")),
        (
            "a null that is used",
            "user_code",
            MAIL,
            (),
            lambda: main('String s = args.length > 9 ? "" : null; s.trim();'),
        ),
        ("an index past the end", "user_code", MAIL, (), lambda: main("int i = args[0].length();")),
        ("a wrong cast", "user_code", MAIL, ("dependency",), lambda: main("Object o = 1; String s = (String) o;")),
        ("an integer division by zero", "user_code", MAIL, (), lambda: main("int i = 1 / args.length;")),
        (
            "a list changed under its loop",
            "user_code",
            MAIL,
            (),
            lambda: main("List<Integer> l = new ArrayList<>(List.of(1, 2, 3)); for (int i : l) l.remove(0);"),
        ),
        (
            "an iterator past its end",
            "user_code",
            MAIL,
            (),
            lambda: main("new ArrayList<Integer>().iterator().next();"),
        ),
        (
            "an illegal argument, by the program",
            "user_code",
            MAIL,
            ("configuration",),
            lambda: main('throw new IllegalArgumentException("unknown currency GPB");'),
        ),
        (
            "an illegal state, by the program",
            "user_code",
            MAIL,
            (),
            lambda: main('throw new IllegalStateException("load() was called before open()");'),
        ),
        ("a number that is a word", "data_quality", MAIL, ("user_code",), lambda: main('Integer.parseInt("12x");')),
        (
            "a date that does not parse",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: main('java.time.LocalDate.parse("2024-02-30");'),
        ),
        ("a class that is missing", "dependency", MAIL, (), lambda: main('Class.forName("com.acme.etl.Loader");')),
        (
            "a main class that is missing",
            "dependency",
            MAIL,
            ("configuration",),
            lambda: jvm("-cp", str(HOME), "com.acme.Main"),
        ),
        (
            "a jar that is missing",
            "dependency",
            MAIL,
            ("data_not_found", "configuration"),
            lambda: jvm("-jar", "/srv/app/etl-1.4.jar"),
        ),
        ("a library that is not there at run time", "dependency", MAIL, (), lambda: library("old")),
        ("a method that the other version lacks", "dependency", MAIL, (), lambda: library("method")),
        ("a field that the other version lacks", "dependency", MAIL, (), lambda: library("field")),
        ("a class that became an interface", "dependency", MAIL, (), lambda: library("interface")),
        ("a class for a newer Java", "dependency", MAIL, (), newer_class),
        ("a native library that is missing", "dependency", MAIL, (), lambda: main('System.loadLibrary("hdf5_java");')),
        (
            "no driver for the database",
            "dependency",
            MAIL,
            ("configuration",),
            lambda: main('DriverManager.getConnection("jdbc:oracle:thin:@db:1521/x");'),
        ),
        (
            "a file that is missing",
            "data_not_found",
            MAIL,
            (),
            lambda: main('new FileInputStream("/srv/data/orders.csv");'),
        ),
        (
            "a folder that is missing",
            "data_not_found",
            MAIL,
            (),
            lambda: main('java.nio.file.Files.list(java.nio.file.Path.of("/srv/landing"));'),
        ),
        ("a port that nobody listens on", "network", RETRY, (), lambda: main(f'new Socket("127.0.0.1", {DEAD});')),
        ("a port that nobody listens on, wrapped", "network", RETRY, (), lambda: main(WRAPPED)),
        (
            "a host without a name",
            "network",
            RETRY,
            ("configuration", MAIL),
            lambda: main('new Socket("db.invalid", 5432);'),
        ),
        ("a read that takes too long", "timeout", RETRY, ("network", CHANGED), lambda: main(SLOW)),
        ("a peer that resets", "network", RETRY, (), lambda: main(CUT)),
        ("TLS to a port that speaks plain HTTP", "network", MAIL, ("configuration", RETRY), lambda: main(TLS)),
        ("a future that takes too long", "timeout", RETRY, (CHANGED,), lambda: main(FUTURE)),
        (
            "a thread that was interrupted",
            "cancelled",
            "ignore",
            ("infrastructure", RETRY),
            lambda: main("Thread.currentThread().interrupt(); Thread.sleep(10);"),
        ),
        (
            "a compressed file cut short",
            "data_quality",
            MAIL,
            (),
            lambda: main(
                "new java.util.zip.GZIPInputStream(new ByteArrayInputStream(new byte[]{31, (byte) 139, 8, 0, 0})).read();"
            ),
        ),
        (
            "a property that is not set",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: main(
                'if (System.getenv("ETL_TARGET") == null) throw new IllegalStateException("environment variable ETL_TARGET is not set");'
            ),
        ),
        (
            "a lock that another program holds",
            "concurrency",
            RETRY,
            ("user_code",),
            lambda: main('var f = new RandomAccessFile("/tmp/provoke.lock", "rw").getChannel(); f.lock(); f.lock();'),
        ),
    ],
    platform="spark",
    task_type="jar",
    engine="jvm",
)
