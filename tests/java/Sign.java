import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.StringWriter;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.ws.security.WSConstants;
import org.apache.ws.security.WSEncryptionPart;
import org.apache.ws.security.WSSConfig;
import org.apache.ws.security.components.crypto.Crypto;
import org.apache.ws.security.components.crypto.CryptoFactory;
import org.apache.ws.security.message.WSSecHeader;
import org.apache.ws.security.message.WSSecSignature;
import org.apache.ws.security.message.WSSecTimestamp;
import org.w3c.dom.Document;

/**
 * Signs SOAP envelopes by WSS4J. Arguments: a PKCS #12 key store, its password, the key's alias. Each line of standard
 * input is "signature-algorithm digest-algorithm options key-identifier part,part envelope", the last in base64; each
 * line of standard output the signed envelope in base64. Options: "prefixes" leaves WSS4J's InclusiveNamespaces in,
 * "must" says mustUnderstand, "untimed" leaves the Timestamp out.
 */
public class Sign {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("org.apache.ws.security.crypto.provider", "org.apache.ws.security.components.crypto.Merlin");
        settings.setProperty("org.apache.ws.security.crypto.merlin.keystore.file", arguments[0]);
        settings.setProperty("org.apache.ws.security.crypto.merlin.keystore.type", "pkcs12");
        settings.setProperty("org.apache.ws.security.crypto.merlin.keystore.password", arguments[1]);
        Crypto crypto = CryptoFactory.getInstance(settings);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(sign(line.split(" "), crypto, arguments[1], arguments[2]));
        }
    }

    private static String sign(String[] words, Crypto crypto, String password, String alias) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Document document = factory.newDocumentBuilder().parse(
                new ByteArrayInputStream(Base64.getDecoder().decode(words[5])));
        String soap = document.getDocumentElement().getNamespaceURI();
        WSSConfig config = WSSConfig.getNewInstance();
        config.setWsiBSPCompliant(words[2].contains("prefixes"));
        config.setPrecisionInMilliSeconds(words[2].contains("must"));
        WSSecHeader header = new WSSecHeader();
        header.setMustUnderstand(words[2].contains("must"));
        header.insertSecurityHeader(document);
        WSSecSignature signature = new WSSecSignature(config);
        signature.setUserInfo(alias, password);
        signature.setSignatureAlgorithm(words[0]);
        signature.setDigestAlgo(words[1]);
        signature.setKeyIdentifierType(Integer.parseInt(words[3]));
        List<WSEncryptionPart> parts = new ArrayList<WSEncryptionPart>();
        for (String name : words[4].split(",")) {
            String namespace = name.equals("Timestamp") ? WSConstants.WSU_NS : name.equals("Body") ? soap : "urn:x";
            parts.add(new WSEncryptionPart(name, namespace, "Element"));
        }
        if (!words[2].contains("untimed")) {
            WSSecTimestamp timestamp = new WSSecTimestamp(config);
            timestamp.setTimeToLive(300);
            timestamp.build(document, header);
        }
        signature.setParts(parts);
        Document signed = signature.build(document, crypto, header);
        StringWriter written = new StringWriter();
        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        transformer.transform(new DOMSource(signed), new StreamResult(written));
        return Base64.getEncoder().encodeToString(written.toString().getBytes("UTF-8"));
    }
}
